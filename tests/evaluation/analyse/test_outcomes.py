"""Better, not worse, worse, cannot tell: each exactly where it is written down."""

from __future__ import annotations

import pytest

from microscope.evaluation.analyse.outcomes import outcome_of, worst
from microscope.evaluation.analysis import BETTER, NOT_WORSE, UNCLEAR, WORSE, Options
from microscope.evaluation.statistics import Difference

PLAIN, MARGIN = Options("base"), Options("base", margin=0.02)


def found(value: float, se: float) -> Difference:
    return Difference(0, 1, value, se, value - 2 * se, value + 2 * se, value / se, 99, 0.5)


@pytest.mark.parametrize(
    ("value", "se", "separated", "without", "held_to_margin"),
    [
        (0.05, 0.01, True, BETTER, BETTER),
        (0.01, 0.01, False, UNCLEAR, NOT_WORSE),
        (-0.005, 0.005, False, UNCLEAR, NOT_WORSE),
        (-0.01, 0.002, True, WORSE, NOT_WORSE),
        (-0.015, 0.005, True, WORSE, UNCLEAR),
        (-0.03, 0.01, True, WORSE, WORSE),
        (-0.05, 0.01, False, UNCLEAR, WORSE),
        (-0.03, 0.02, False, UNCLEAR, UNCLEAR),
        (0.0, 0.02, False, UNCLEAR, UNCLEAR),
    ],
)
def test_an_outcome_hangs_on_separation_and_one_sided_bounds(
    value: float, se: float, *, separated: bool, without: str, held_to_margin: str
) -> None:
    assert outcome_of(found(value, se), 100, PLAIN, separated=separated) == without
    assert outcome_of(found(value, se), 100, MARGIN, separated=separated) == held_to_margin


def test_under_six_pictures_nothing_can_be_told() -> None:
    assert outcome_of(found(0.9, 0.01), 5, MARGIN, separated=False) == UNCLEAR


def test_the_worst_candidate_counts() -> None:
    assert worst([BETTER, NOT_WORSE]) == NOT_WORSE
    assert worst([BETTER, UNCLEAR, NOT_WORSE]) == UNCLEAR
    assert worst([BETTER, UNCLEAR, WORSE]) == WORSE
    assert worst([BETTER]) == BETTER
    assert worst([]) == ""
