"""The tab's sentences: what a run is, takes and could see, in words that fit their numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from microscope.evaluation.items.base import ColumnMap
from microscope.ui.evaluate import words
from tests.ui.evaluate.samples import PLAN


def test_a_plan_says_how_much_is_asked_and_how_much_is_known() -> None:
    assert words.planned(PLAN) == "40 items on 10 images, asked 2 times: 80 answers, 30 of them known already."
    assert words.planned(replace(PLAN, known=0)).endswith("80 answers, none known yet.")
    assert words.planned(replace(PLAN, known=80)).endswith("all known already: nothing to compute.")
    assert "1 item on 1 image, asked 1 time: 1 answer" in words.planned(
        replace(PLAN, items=1, images=1, arms=1, answers=1)
    )


def test_a_plan_says_what_it_takes() -> None:
    assert words.takes(PLAN, "cpu") == "About 2 minutes on cpu."
    assert words.takes(replace(PLAN, quota_seconds=60), "cuda").startswith("Asks for 60 s of your daily GPU quota")
    assert words.takes(replace(PLAN, known=80), "cpu") == "It takes a moment."
    assert "no quota" in words.takes(replace(PLAN, known=80, quota_seconds=0), "cuda")


def test_a_plan_says_what_difference_it_could_see_and_on_what_that_rests() -> None:
    said = words.detects(PLAN)
    assert said.startswith("This set can tell checkpoints apart that differ by about 5.1 points or more")
    assert "20 % of the items" in said
    assert "design effect 1.5" in said
    # Where no test could see any.
    assert words.detects(replace(PLAN, images=5)) == ""


def test_progress_says_what_was_known_and_what_is_left() -> None:
    assert words.progressed(1200, 4500, 300, 95.0) == "1,200 of 4,500 answers, 300 known already; about 2 minutes left"
    assert words.progressed(5, 10, 0, None) == "5 of 10 answers"
    assert words.progressed(10, 10, 0, 3.0) == "10 of 10 answers"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 s"), (61, "61 s"), (600, "10 minutes"), (3 * 3600, "3.0 hours")]
)
def test_a_duration_has_the_unit_that_people_use(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(("count", "said"), [(0, ""), (1, "One visitor"), (4, "4 visitors")])
def test_a_queue_is_said_where_there_is_one(count: int, said: str) -> None:
    assert words.waits(count).startswith(said)
    assert bool(words.waits(count)) is bool(said)


def test_every_field_of_a_column_map_has_a_name() -> None:
    assert set(words.COLUMN_NAMES) == set(vars(ColumnMap())) - {"guessed"}
