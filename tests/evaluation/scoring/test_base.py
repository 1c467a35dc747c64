"""What a scorer is made of."""

from __future__ import annotations

from microscope.evaluation import results
from microscope.evaluation.scoring.base import STRICTNESS


def test_the_strictnesses_are_those_of_the_results() -> None:
    assert STRICTNESS == results.STRICTNESS
