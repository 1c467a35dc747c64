"""Exact match: what counts as the same answer, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.evaluation.scoring.base import STRICTNESS, Score
from microscope.evaluation.scoring.exact import exact_match, score
from microscope.records import Item


@pytest.mark.parametrize(
    ("answer", "references"),
    [("Red.", ("red",)), ("top  left", ("Top left.",)), ("7", ("seven", "7")), ("", ("",))],
)
def test_the_same_answer_in_another_dress_matches(answer: str, references: tuple[str, ...]) -> None:
    assert exact_match(answer, references)


@pytest.mark.parametrize(
    ("answer", "references"),
    [("a red", ("red",)), ("redd", ("red",)), ("7", ("17",)), ("red!", ("red",)), ("red", ()), ("", ("red",))],
)
def test_another_answer_does_not_match(answer: str, references: tuple[str, ...]) -> None:
    assert not exact_match(answer, references)


@given(st.text(), st.lists(st.text(), max_size=3))
def test_an_answer_always_matches_itself(answer: str, others: list[str]) -> None:
    assert exact_match(answer, [*others, answer])
    assert exact_match(f"  {answer}\n", [answer])


@pytest.mark.parametrize(
    ("answer", "values"),
    [
        ("red", (1, 1, 1)),
        ("Red.", (0, 1, 1)),
        ("**Red**", (0, 0, 1)),
        ("it is red", (0, 0, 1)),
        ("I see a red car", (0, 0, 1)),
        ("red or blue", (0, 0, 0)),
        ("it is red, not blue", (0, 0, 0)),
        ("it isn't red", (0, 0, 0)),
        ("a red car on a blue road", (0, 0, 0)),
    ],
)
def test_each_strictness_forgives_more(answer: str, values: tuple[int, ...]) -> None:
    item = Item("1", "p", "What colour is it?", ("red",))
    assert tuple(score(answer, item, strictness).value for strictness in STRICTNESS) == values


@pytest.mark.parametrize("strictness", STRICTNESS)
def test_no_text_is_no_answer(strictness: str) -> None:
    assert score(" . ", Item("1", "p", "q", ("red",)), strictness) == Score(0, parsed=False)
