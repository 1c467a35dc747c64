"""Word accuracy: edits by the reference's words."""

from __future__ import annotations

import pytest

from microscope.evaluation.scoring.base import NORMAL, STRICT
from microscope.evaluation.scoring.wer import score
from microscope.records import Item


@pytest.mark.parametrize(
    ("answer", "wanted"), [("the cat sits", 2 / 3), ("the cat sat", 1), ("the cat sat down", 2 / 3), ("a dog", 0)]
)
def test_errors_count_by_the_references_length(answer: str, wanted: float) -> None:
    assert score(answer, Item("1", "p", "q", ("the cat sat",)), NORMAL).value == pytest.approx(wanted)


def test_nothing_to_read_and_nothing_read_is_right() -> None:
    assert score("", Item("1", "p", "q", ("",)), STRICT).value == 1
    assert score("x", Item("1", "p", "q", ("",)), STRICT).value == 0
