"""Shipped answers: found by example, question, checkpoint and revision, and never given out for another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from microscope.records import Answer, GenerationSettings
from microscope.storage.example_answers import (
    ExampleAnswer,
    ExampleAnswers,
    read_example_answers,
    write_example_answers,
)

SETTINGS = GenerationSettings(max_new_tokens=48, temperature=0.7, image_budget=1000)


@pytest.fixture
def entry(make_answer: Callable[..., Answer]) -> ExampleAnswer:
    return ExampleAnswer("count", "How many? \u4e94", SETTINGS, make_answer())


def found(answers: ExampleAnswers, entry: ExampleAnswer, **changed: str | None) -> ExampleAnswer | None:
    """Look the entry up, with parts of the key changed."""
    key = {
        "example": entry.example,
        "question": entry.question,
        "checkpoint": entry.answer.checkpoint,
        "revision": entry.answer.facts.revision,
    }
    return answers.find(**{**key, **changed})


def test_an_answer_is_found_and_says_that_it_was_computed_ahead(entry: ExampleAnswer) -> None:
    given = found(ExampleAnswers((entry,)), entry)
    assert given is not None
    assert entry.answer.computed == "now"
    assert given.answer.computed == "example"
    assert (given.answer.text, given.settings) == (entry.answer.text, SETTINGS)


@pytest.mark.parametrize("part", ["example", "question", "checkpoint", "revision"])
def test_it_is_not_found_where_one_part_differs(entry: ExampleAnswer, part: str) -> None:
    assert found(ExampleAnswers((entry,)), entry, **{part: "another"}) is None


def test_a_checkpoint_without_a_pinned_revision_takes_the_one_there_is(entry: ExampleAnswer) -> None:
    assert found(ExampleAnswers((entry,)), entry, revision=None) is not None


def test_what_is_written_is_read_again(entry: ExampleAnswer, tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    write_example_answers(file, (entry,))
    assert found(read_example_answers(file), entry) == found(ExampleAnswers((entry,)), entry)
    assert "\u4e94" in file.read_text(encoding="utf-8")


def test_without_a_file_there_are_no_answers(entry: ExampleAnswer, tmp_path: Path) -> None:
    assert found(read_example_answers(tmp_path / "answers.json"), entry) is None


def test_every_example_has_the_answer_of_every_shipped_checkpoint() -> None:
    assets = Path(__file__).parents[2] / "assets"
    rows = json.loads((assets / "examples" / "answers.json").read_text(encoding="utf-8"))
    examples = [row["id"] for row in json.loads((assets / "examples" / "examples.json").read_text(encoding="utf-8"))]
    known = {(row["example"], row["answer"]["checkpoint"]): row["answer"]["facts"]["revision"] for row in rows}
    folders = [path.parent for path in (assets / "checkpoints").glob("*/model.safetensors")]
    assert {checkpoint for _, checkpoint in known} == {folder.name for folder in folders}
    for folder in folders:
        contents = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
        assert {known[example, folder.name] for example in examples} == {f"sha256:{contents[:12]}"}
