"""A set that was read, as it is drawn: nothing of it is dropped silently."""

from __future__ import annotations

from microscope.evaluation.items.base import Problem
from microscope.ui.evaluate import words
from microscope.ui.evaluate.setting import MOST_PROBLEMS, reading, report
from tests.ui.evaluate.samples import item_set


def test_a_good_set_says_how_much_of_it_is_used() -> None:
    drawn = report(item_set())
    assert "sample: 40 of 40 rows used, on 10 images." in drawn
    assert words.NO_PROBLEMS in drawn
    assert "<table" not in drawn


def test_problems_are_listed_by_row_with_what_became_of_them() -> None:
    problems = (
        Problem(7, "image", "There is no picture <x>.png."),
        Problem(9, "id", "The id is there twice.", refused=False),
    )
    drawn = report(item_set(problems=problems))
    assert "40 of 41 rows used" in drawn
    assert "There is no picture &lt;x&gt;.png." in drawn
    assert drawn.count("<tr") == 3
    assert ">Row 7<" in drawn
    assert "vm-sentences" in drawn
    assert f">{words.LEFT_OUT}<" in drawn
    assert f">{words.USED}<" in drawn
    assert words.NO_PROBLEMS not in drawn


def test_of_many_problems_the_first_are_shown_and_the_number_of_all() -> None:
    drawn = report(item_set(problems=tuple(Problem(row, "", "Empty.") for row in range(1, 101))))
    assert drawn.count("<tr") == MOST_PROBLEMS + 1
    assert f"({MOST_PROBLEMS} of 100)" in drawn


def test_reading_says_how_far_it_is() -> None:
    assert f"{words.CHECKING}<" in reading(0, 0)
    assert "1,200 of 5,000" in reading(1200, 5000)
    assert ": 12<" in reading(12, 0)
