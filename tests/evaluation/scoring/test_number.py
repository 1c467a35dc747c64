"""Numbers: the same number however it is written, and no number where that is not sure."""

from __future__ import annotations

import pytest

from microscope.evaluation.scoring.base import LENIENT, STRICTNESS
from microscope.evaluation.scoring.number import score
from microscope.records import Item

NO = (0, False)
WRONG = (0, True)
RIGHT = (1, True)


@pytest.mark.parametrize(
    ("answer", "reference", "wanted"),
    [
        ("7", "7", (RIGHT, RIGHT, RIGHT)),
        ("7.0", "7", (RIGHT, RIGHT, RIGHT)),
        ("7.", "7", (RIGHT, RIGHT, RIGHT)),
        ("1,000", "1000", (NO, RIGHT, RIGHT)),
        ("1000", "1,000", (RIGHT, RIGHT, RIGHT)),
        ("$50", "50", (NO, RIGHT, RIGHT)),
        ("seven", "7", (NO, NO, RIGHT)),
        ("seven", "seven", (RIGHT, RIGHT, RIGHT)),
        ("7", "seven", (RIGHT, RIGHT, RIGHT)),
        ("Seven", "seven", (NO, RIGHT, RIGHT)),
        ("There are seven dogs.", "7", (NO, NO, RIGHT)),
        ("There are eight dogs.", "7", (NO, NO, WRONG)),
        ("8", "7", (WRONG, WRONG, WRONG)),
        ("70", "7", (WRONG, WRONG, WRONG)),
        ("7 dogs and 2 cats", "7", (NO, NO, NO)),
        ("7 or 8", "7", (NO, NO, NO)),
        ("not 7", "7", (NO, NO, NO)),
        ("nan", "7", (NO, NO, NO)),
        ("", "7", (NO, NO, NO)),
    ],
)
def test_each_strictness_reads_more(answer: str, reference: str, wanted: tuple[tuple[int, bool], ...]) -> None:
    item = Item("1", "p", "How many?", (reference,))
    scores = [score(answer, item, strictness) for strictness in STRICTNESS]
    assert tuple((int(one.value), one.parsed) for one in scores) == wanted


def test_any_reference_may_be_met() -> None:
    assert score("eight", Item("1", "p", "q", ("7", "eight")), LENIENT).value == 1
