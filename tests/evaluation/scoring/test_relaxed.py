"""Relaxed accuracy: 5% around a number, the very text otherwise."""

from __future__ import annotations

from decimal import Decimal

import pytest

from microscope.evaluation.scoring.base import NORMAL, STRICTNESS, Score
from microscope.evaluation.scoring.relaxed import close, score
from microscope.records import Item


def test_the_bounds_belong_to_it_and_rounding_moves_none() -> None:
    assert close(Decimal("1.05"), Decimal(1))  # 1.05 - 1 is more than 0.05 in floating point
    assert close(Decimal(-95), Decimal(-100))
    assert not close(Decimal("1.0501"), Decimal(1))
    assert not close(Decimal("0.001"), Decimal(0))


@pytest.mark.parametrize(
    ("answer", "reference", "values"),
    [
        ("105", "100", (1, 1, 1)),
        ("106", "100", (0, 0, 0)),
        ("1,040", "1000", (0, 1, 1)),
        ("12", "12%", (0, 0, 1)),
        ("12%", "12", (0, 0, 1)),
        ("12 percent", "12%", (0, 0, 1)),
        ("The bar shows 104.", "100", (0, 0, 1)),
        ("Between 95 and 105", "100", (0, 0, 0)),
        ("blue.", "Blue", (0, 1, 1)),
        ("It is blue", "Blue", (0, 0, 1)),
        ("bluish", "Blue", (0, 0, 0)),
    ],
)
def test_each_strictness_forgives_more(answer: str, reference: str, values: tuple[int, ...]) -> None:
    item = Item("1", "p", "q", (reference,))
    assert tuple(score(answer, item, strictness).value for strictness in STRICTNESS) == values


def test_a_text_is_no_answer_where_a_number_is_asked_for() -> None:
    assert score("many", Item("1", "p", "q", ("5",)), NORMAL) == Score(0, parsed=False)
    assert score("many", Item("1", "p", "q", ("5", "few")), NORMAL) == Score(0)
    assert score("", Item("1", "p", "q", ("few",)), NORMAL) == Score(0, parsed=False)
