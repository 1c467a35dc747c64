"""Which scorer is suggested for which answers."""

from __future__ import annotations

import pytest

from microscope.evaluation.scoring import SCORERS
from microscope.evaluation.scoring.fitting import suggest
from microscope.records import Item


def item(*answers: str, choices: tuple[str, ...] = ()) -> Item:
    return Item("1", "p", "q", answers, choices=choices)


@pytest.mark.parametrize(
    ("items", "wanted"),
    [
        ([item("A", choices=("x", "y"))] * 2, "choice"),
        ([item("A", choices=("x", "y")), item("red")], "exact"),
        ([item("A", choices=("x", "y")), item("7")], "number"),
        ([item("7"), item("1,000", "$50")], "number"),
        ([item("seven"), item("7")], "exact"),
        ([item(*map(str, range(10)))], "vqa"),
        ([item("red", "Red", "blue")], "vqa"),
        ([item("red", "red"), item("a"), item("b")], "exact"),
        ([item("red", "crimson")], "exact"),
        ([item()], "exact"),
        ([], "exact"),
    ],
)
def test_the_scorer_fits_the_answers(items: list[Item], wanted: str) -> None:
    assert suggest(items) == wanted
    assert wanted in {scorer.key for scorer in SCORERS}
