"""Results hold the items that every arm has, in the set's order, with the scores that the scorer gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microscope.evaluation.course import Course, Outcome
from microscope.evaluation.scoring import find_scorer, score_all
from microscope.evaluation.tally import Tally
from tests.evaluation.service import part_of_set, plain, service
from tests.evaluation.test_course import course_of


@pytest.fixture
def courses(tmp_path: Path) -> tuple[Course, Course]:
    here, items = service(tmp_path), part_of_set(3)
    return course_of(here, items), course_of(here, items)


def settle(tally: Tally, course: Course, arm: int, number: int, outcome: Outcome) -> None:
    course.outcomes[number] = outcome
    tally.take(number, arm, outcome)


def test_only_items_that_every_arm_that_began_has_are_there(courses: tuple[Course, Course]) -> None:
    items = courses[0].items
    tally = Tally(items, 2, find_scorer("exact"))
    assert tally.results(courses, {}) is None
    right = [Outcome(item.answers[0], tokens=2) for item in items.items]
    for number in range(5):
        settle(tally, courses[0], 0, number, right[number])
    alone = tally.results(courses, {"gone": "It is gone."})
    assert alone is not None
    assert (len(alone.items), len(alone.answers), alone.total) == (5, 1, len(items.items))
    assert alone.missing == {"gone": "It is gone."}
    for number in (4, 1):
        settle(tally, courses[1], 1, number, Outcome("nonsense"))
    both = tally.results(courses, {}, "Decided.")
    assert both is not None
    assert both.order.tolist() == [1, 4]
    assert both.items == (items.items[1], items.items[4])
    assert both.matrix.tolist() == [[1, 0], [1, 0]]
    assert both.answers[0].tokens.tolist() == [2, 2]
    assert both.stopped_early == "Decided."


def test_what_failed_scores_nothing_and_what_was_cut_is_told(courses: tuple[Course, Course]) -> None:
    items = courses[0].items
    tally = Tally(items, 1, find_scorer("exact"))
    settle(tally, courses[0], 0, 0, Outcome(failure="The image is gone."))
    settle(tally, courses[0], 0, 1, Outcome(items.items[1].answers[0], cut=True))
    found = tally.results(courses[:1], {})
    assert found is not None
    assert found.scores[:, 0, 0].tolist() == [0, 0, 0]
    assert not found.parsed[0, 0]
    assert found.answers[0].failures == {0: "The image is gone."}
    assert found.answers[0].cut == {1}
    assert found.answers[0].texts[0] == ""


def test_clusters_are_numbered_within_the_results(courses: tuple[Course, Course]) -> None:
    items = courses[0].items
    tally = Tally(items, 1, find_scorer("exact"))
    last = [number for number, item in enumerate(items.items) if item.image == items.items[-1].image]
    for number in last:
        settle(tally, courses[0], 0, number, Outcome("red"))
    found = tally.results(courses[:1], {})
    assert found is not None
    assert np.unique(found.clusters).tolist() == [0]
    assert found.images == (items.images[items.items[-1].image],)
    assert len(np.unique(tally.clusters)) == 3


def test_a_difference_is_summed_over_items(courses: tuple[Course, Course]) -> None:
    items = courses[0].items
    tally = Tally(items, 2, find_scorer("exact"))
    for number in range(3):
        tally.take(number, 0, Outcome("nonsense"))
        tally.take(number, 1, Outcome(items.items[number].answers[0]))
    assert tally.difference(0, 1, [0, 2]) == 2
    assert tally.difference(1, 0, [0]) == -1


def test_arms_are_in_the_order_of_their_courses(courses: tuple[Course, Course]) -> None:
    tally = Tally(courses[0].items, 3, find_scorer("exact"))
    settle(tally, courses[0], 0, 0, Outcome("red"))
    settle(tally, courses[1], 2, 0, Outcome("red"))
    found = tally.results([courses[0], None, courses[1]], {})
    assert found is not None
    assert len(found.arms) == 2
    assert found.scores.shape == (3, 1, 2)
    assert plain()[0] in found.arms


def test_soft_scores_keep_their_digits(courses: tuple[Course, Course]) -> None:
    items = courses[0].items
    wanted = f"{items.items[0].answers[0]}xx"
    tally = Tally(items, 1, find_scorer("anls"))
    settle(tally, courses[0], 0, 0, Outcome(wanted))
    found = tally.results(courses[:1], {})
    assert found is not None
    assert found.matrix[0, 0] == score_all(find_scorer("anls"), wanted, items.items[0])[1].value


def test_a_difference_of_rounding_alone_is_none(courses: tuple[Course, Course]) -> None:
    tally = Tally(courses[0].items, 2, find_scorer("anls"))
    # In another order the same scores add up to another last digit.
    tally._scores[1, :3] = [[0.1, 0.3], [0.2, 0.1], [0.3, 0.2]]
    assert tally.difference(0, 1, [0, 1, 2]) == 0
    assert tally.difference(0, 1, [0]) == pytest.approx(0.2)
