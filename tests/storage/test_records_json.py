"""Answers survive the way through JSON text."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.records import Answer, Facts, Token
from microscope.storage.records_json import answer_from_json, answer_to_json

text = st.text(max_size=20)
count = st.integers(0, 10_000)
seconds = st.floats(0, 1e4)
tokens = st.builds(Token, id=count, text=text, logprob=st.floats(max_value=0, allow_infinity=False))
facts = st.builds(
    Facts,
    revision=text,
    prompt_tokens=count,
    image_tokens=count,
    tokens=count,
    first_token_seconds=seconds,
    total_seconds=seconds,
    seed=count,
    dtype=text,
    device=text,
    attention=text,
    loaded_in=st.none() | seconds,
    finish=st.sampled_from(["end", "length", "stopped"]),
    fallback=st.text(max_size=40),
    together=st.integers(1, 64),
    versions=st.dictionaries(text, text, max_size=3).map(lambda pairs: tuple(pairs.items())),
)
answers = st.builds(
    Answer,
    checkpoint=text,
    text=text,
    tokens=st.lists(tokens, max_size=4).map(tuple),
    facts=facts,
    prompt=text,
    address=text,
    computed=text,
)


@given(answers)
def test_an_answer_comes_back_as_it_was(answer: Answer) -> None:
    written = json.dumps(answer_to_json(answer), allow_nan=False)
    assert answer_from_json(json.loads(written)) == answer


def test_every_field_of_the_records_is_written(make_answer: Callable[..., Answer]) -> None:
    answer = make_answer()
    written = answer_to_json(answer)
    assert set(written) == set(vars(answer))
    assert set(written["facts"]) == set(vars(answer.facts)) | {"tokens_per_second"}
    assert written["facts"]["tokens_per_second"] == 4
    assert written["facts"]["versions"] == {"torch": "2.13.0", "transformers": "5.23.0"}
    assert written["tokens"][0] == {"id": 5, "text": "a", "logprob": -0.1}


@pytest.mark.parametrize("logprob", [-math.inf, math.inf, math.nan])
def test_a_log_probability_that_is_not_finite_is_null(make_answer: Callable[..., Answer], logprob: float) -> None:
    written = answer_to_json(replace(make_answer(), tokens=(Token(1, "x", logprob),)))
    assert written["tokens"][0]["logprob"] is None
    assert math.isnan(answer_from_json(written).tokens[0].logprob)


@pytest.mark.parametrize("name", ["checkpoint", "text", "tokens", "facts", "prompt", "address", "computed"])
def test_a_missing_field_is_named(make_answer: Callable[..., Answer], name: str) -> None:
    written = answer_to_json(make_answer())
    del written[name]
    with pytest.raises(ValueError, match=name):
        answer_from_json(written)


@pytest.mark.parametrize("broken", [{"facts": 3}, {"facts": {"versions": []}}, {"tokens": [1]}, {"tokens": None}])
def test_a_field_of_the_wrong_shape_is_refused(make_answer: Callable[..., Answer], broken: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not an answer as JSON"):
        answer_from_json(answer_to_json(make_answer()) | broken)


def test_an_answer_that_was_kept_before_there_were_batches_was_made_alone(
    make_answer: Callable[..., Answer],
) -> None:
    written = answer_to_json(make_answer())
    assert written["facts"].pop("together") == 1
    assert answer_from_json(written) == make_answer()
