"""Tests of the export of a comparison as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace

from microscope.records import Facts, GenerationSettings, Token
from microscope.storage.records_json import answer_from_json
from microscope.ui.compare.export import comparison_json, comparison_to_dict
from tests.ui.compare.samples import comparison, failure, outcome, picture

SAMPLE = comparison(
    outcome("step-500", "a green nine", label="Step 500"), failure("gone", "It is gone; choose another.")
)


def test_every_setting_is_told() -> None:
    settings = comparison_to_dict(SAMPLE)["settings"]
    assert list(settings) == [field.name for field in fields(GenerationSettings)]
    assert GenerationSettings(**settings) == SAMPLE.settings


def test_every_fact_is_told_with_revision_seed_and_package_versions() -> None:
    facts = comparison_to_dict(SAMPLE)["outcomes"][0]["answer"]["facts"]
    assert {field.name for field in fields(Facts)} <= set(facts)
    assert facts["revision"] == "0123456789abcdef0123456789abcdef01234567"
    assert facts["seed"] == 7
    assert facts["versions"]["transformers"] == "5.23.0"


def test_the_answer_is_told_with_prompt_tokens_log_probabilities_and_address() -> None:
    answer = comparison_to_dict(SAMPLE)["outcomes"][0]["answer"]
    assert answer["text"] == "a green nine"
    assert answer["prompt"] == "<user><image>step-500<assistant>"
    assert answer["tokens"][1] == {"id": 2, "text": "green", "logprob": -1.0}
    assert answer["address"] == "a" * 64
    assert answer_from_json(answer) == SAMPLE.outcomes[0].answer


def test_a_failed_checkpoint_is_told_with_its_sentence() -> None:
    assert comparison_to_dict(SAMPLE)["outcomes"][1] == {
        "checkpoint": "gone",
        "label": "gone",
        "message": "It is gone; choose another.",
        "answer": None,
    }


def test_the_picture_is_told_by_size_and_digest_and_its_pixels_are_not() -> None:
    large = comparison(image=picture(640, 480))
    assert comparison_to_dict(large)["picture"] == {
        "width": 640,
        "height": 480,
        "sha256": picture(640, 480).digest,
        "example": "count",
    }
    assert len(comparison_json(large)) < 1_000


def test_the_text_is_json_that_every_reader_takes() -> None:
    strange = outcome("one", "naïve 猫 </script>\u2028 \x00")
    assert strange.answer is not None
    tokens = (Token(1, "x", -math.inf), Token(2, "y", math.nan))
    endless = replace(strange, answer=replace(strange.answer, tokens=tokens))
    text = comparison_json(comparison(endless))

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    answer = json.loads(text, parse_constant=refuse)["outcomes"][0]["answer"]
    assert answer["text"] == "naïve 猫 </script>\u2028 \x00"
    assert [token["logprob"] for token in answer["tokens"]] == [None, None]
    assert "猫" in text
    assert text.endswith("}\n")


def test_the_same_comparison_gives_the_same_text_and_says_its_format() -> None:
    assert comparison_json(SAMPLE) == comparison_json(replace(SAMPLE))
    assert list(comparison_to_dict(SAMPLE)) == ["format", "when", "picture", "question", "settings", "outcomes"]
    assert comparison_to_dict(SAMPLE)["format"] == "vlm-microscope/comparison/1"
