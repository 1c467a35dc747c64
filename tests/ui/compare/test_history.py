"""Tests of the history of a visit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from microscope.errors import UserError
from microscope.records import Comparison
from microscope.ui.compare.history import MOST_COMPARISONS, History
from tests.ui.compare.samples import comparison, failure, outcome, picture

HALF = (4000, 2000)  # 24 MB: two fit into the bound, three do not


def history(*comparisons: Comparison) -> History:
    """Return a history to which comparisons were added in order."""
    made = History()
    for one in comparisons:
        made = made.add(one)
    return made


def test_the_newest_comparison_comes_first() -> None:
    first, second = comparison(question="first"), comparison(question="second")
    made = history(first, second)
    assert made.get(0) == second
    assert made.get(1) == first


def test_adding_leaves_the_old_history_as_it_was() -> None:
    old = history(comparison())
    old.add(comparison())
    assert len(old.comparisons) == 1


def test_beyond_thirty_the_oldest_is_dropped() -> None:
    made = history(*(comparison(question=f"number {number}") for number in range(MOST_COMPARISONS + 2)))
    assert len(made.comparisons) == MOST_COMPARISONS
    assert made.get(0).question == f"number {MOST_COMPARISONS + 1}"
    assert made.get(MOST_COMPARISONS - 1).question == "number 2"


def test_pictures_beyond_the_bound_push_the_oldest_out() -> None:
    made = history(*(comparison(question=str(shade), image=picture(*HALF, shade=shade)) for shade in range(3)))
    assert [one.question for one in made.comparisons] == ["2", "1"]


def test_a_picture_asked_about_several_times_is_held_and_counted_once() -> None:
    made = history(*(comparison(question=str(number), image=picture(*HALF)) for number in range(5)))
    assert len(made.comparisons) == 5
    assert len({id(one.picture.rgb) for one in made.comparisons}) == 1


def test_the_newest_comparison_stays_however_large_its_picture_is() -> None:
    large = comparison(question="large", image=picture(5000, 5000))
    assert [one.question for one in history(comparison(), large).comparisons] == ["large"]


@pytest.mark.parametrize("index", [-1, 1, 30])
def test_a_place_without_a_comparison_is_said(index: int) -> None:
    with pytest.raises(UserError, match="choose another one"):
        history(comparison()).get(index)


def test_a_title_tells_time_question_and_how_many_checkpoints() -> None:
    one = replace(comparison(outcome("a", "x"), question="What is\n it?"), when="2026-09-30T14:05:09Z")
    two = replace(comparison(outcome("a", "x"), failure("b", "y")), when="2026-09-30T16:05:09+02:00")
    assert history(one, two).titles() == [
        "14:05 UTC · What is it? · 2 checkpoints",
        "14:05 UTC · What is it? · 1 checkpoint",
    ]


def test_a_long_question_is_shortened_in_the_title() -> None:
    title = history(comparison(question="word " * 100)).titles()[0]
    assert title == f"14:05 UTC · {'word ' * 11}word… · 0 checkpoints"
