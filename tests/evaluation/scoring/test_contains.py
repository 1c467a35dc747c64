"""Contains: whole words, whole numbers, and scripts without spaces."""

from __future__ import annotations

import pytest

from microscope.evaluation.scoring.base import STRICTNESS, Score
from microscope.evaluation.scoring.contains import contains, score
from microscope.records import Item


@pytest.mark.parametrize(
    ("text", "words"),
    [("a red car", "red"), ("(red)", "red"), ("3, 4", "3"), ("ends with 3.", "3"), ("这是红色", "红色"), ("", "")],
)
def test_whole_words_are_contained(text: str, words: str) -> None:
    assert contains(text, words)


@pytest.mark.parametrize(
    ("text", "words"),
    [("bored", "red"), ("3.5", "3"), ("1,300", "300"), ("-3", "3"), ("it is -3", "3"), ("red", ""), ("13", "3")],
)
def test_parts_of_words_and_numbers_are_not(text: str, words: str) -> None:
    assert not contains(text, words)


@pytest.mark.parametrize(
    ("answer", "values"),
    [
        ("I see two red cars", (1, 1, 1)),
        ("Two Red Cars", (0, 1, 1)),
        ('2 "red" cars', (0, 0, 1)),
        ("red", (0, 0, 0)),
    ],
)
def test_each_strictness_forgives_more(answer: str, values: tuple[int, ...]) -> None:
    item = Item("1", "p", "q", ("two red cars",))
    assert tuple(score(answer, item, strictness).value for strictness in STRICTNESS) == values


def test_no_text_is_no_answer() -> None:
    assert score(" ", Item("1", "p", "q", ("x",)), STRICTNESS[2]) == Score(0, parsed=False)
