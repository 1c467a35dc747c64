"""A checkpoint that got worse is told with its numbers, and chance is told of nobody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from microscope.errors import UserError
from microscope.evaluation.analyse import analyse
from microscope.evaluation.analyse.phrases import MINUS
from microscope.evaluation.analysis import Options
from microscope.evaluation.regressions import BASELINE, STEP, regressions, same_line
from microscope.evaluation.results import Results
from microscope.records import GenerationSettings
from tests.evaluation.analyse.made import arm, drawn, results

COUNT, OPTIONS = 300, Options()


def told(whole: Results, options: Options = OPTIONS, previous: Results | None = None) -> list[tuple[str, str, str]]:
    """Return what got worse: against what, the other's key, its key."""
    found = regressions(whole, analyse(whole, options), previous)
    return [(one.against, one.than.key, one.arm.key) for one in found]


def test_a_step_that_is_worse_than_the_one_before_is_told() -> None:
    assert told(results(drawn(COUNT, [0.5, 0.8, 0.6]))) == [(STEP, "step-2000", "step-3000")]


def test_a_step_that_is_better_or_no_different_is_not() -> None:
    assert told(results(drawn(COUNT, [0.4, 0.6, 0.61, 0.8]))) == []
    assert told(results(drawn(40, [0.6, 0.5]))) == []


def test_what_is_worse_than_the_baseline_comes_first() -> None:
    whole = results(drawn(COUNT, [0.8, 0.5, 0.5]))
    assert told(whole, Options(baseline="step-1000")) == [
        (BASELINE, "step-1000", "step-2000"),
        (BASELINE, "step-1000", "step-3000"),
        (STEP, "step-1000", "step-2000"),
    ]


def test_the_baseline_may_stand_anywhere() -> None:
    whole = results(drawn(COUNT, [0.5, 0.8]))
    assert told(whole, Options(baseline="step-2000")) == [(BASELINE, "step-2000", "step-1000")]


def test_steps_are_followed_by_their_number_and_not_by_their_order() -> None:
    scores = drawn(COUNT, [0.6, 0.5, 0.8])
    whole = results(scores, arms=[arm(2), arm(0), arm(1)])
    assert told(whole) == [(STEP, "step-2000", "step-3000")]


def test_the_difference_is_of_the_worse_less_the_better_with_its_interval_turned_too() -> None:
    scores = drawn(COUNT, [0.5, 0.8])
    straight = analyse(results(scores)).pairs[0].difference
    whole = results(scores)
    (found,) = regressions(whole, analyse(whole, Options(baseline="step-2000")))
    assert found.difference.value == pytest.approx(-straight.value)
    assert (found.difference.low, found.difference.high) == pytest.approx(
        (-(straight.high or 0), -(straight.low or 0))
    )
    assert found.items == COUNT


def test_the_sentence_has_the_numbers() -> None:
    whole = results(drawn(COUNT, [0.8, 0.5]))
    (found,) = regressions(whole, analyse(whole))
    ends = (found.difference.low, found.difference.high)
    low, high = (f"{100 * (end or 0):.1f}".replace("-", MINUS) for end in ends)
    assert found.sentence == (
        f"step 2000 scores {-100 * found.difference.value:.1f} points less than step 1000 on the same 300 items "
        f"(95 % interval of the difference {low} to {high})."
    )


@pytest.mark.parametrize(
    "change",
    [
        {"run": "another"},
        {"run": None},
        {"step": None},
        {"template": "Answer: {question}"},
        {"keep": 0.5},
        {"precision": "float16"},
        {"factors": (("keep", "half"),)},
        {"settings": GenerationSettings(seed=3)},
    ],
)
def test_only_steps_of_one_run_under_the_same_settings_follow_each_other(change: dict[str, object]) -> None:
    assert same_line(arm(0), arm(1))
    assert not same_line(arm(0), arm(1, **change))
    scores = drawn(COUNT, [0.8, 0.5])
    assert told(results(scores, arms=[arm(0), arm(1, **change)])) == []


def column(scores: np.ndarray, number: int) -> Results:
    """Return the results of one step alone, as an evaluation after each step of a training has them."""
    return results(scores[:, number : number + 1], arms=[arm(number)])


def test_a_new_step_is_held_against_the_last_one_of_an_earlier_evaluation() -> None:
    scores = drawn(COUNT, [0.5, 0.8, 0.6])
    now, before = column(scores, 2), results(scores[:, :2])
    assert told(now, previous=before) == [(STEP, "step-2000", "step-3000")]
    (together,) = regressions(results(scores), analyse(results(scores)))
    (alone,) = regressions(now, analyse(now), before)
    assert alone == together


def test_items_are_matched_by_their_id_whatever_their_order() -> None:
    scores = drawn(COUNT, [0.8, 0.5])
    before = column(scores, 0)
    rows = np.random.default_rng(5).permutation(COUNT)[: COUNT - 60]
    mixed = replace(
        before,
        items=tuple(before.items[row] for row in rows),
        clusters=before.clusters[rows],
        scores=before.scores[:, rows],
    )
    now = column(scores, 1)
    (found,) = regressions(now, analyse(now), mixed)
    assert found.items == COUNT - 60
    assert found.difference.value == pytest.approx(float((scores[rows, 1] - scores[rows, 0]).mean()))


def test_earlier_results_without_an_earlier_step_or_a_common_item_say_nothing() -> None:
    scores = drawn(COUNT, [0.8, 0.5])
    now = column(scores, 1)
    assert told(column(scores, 0), previous=now) == []
    other = column(scores, 0)
    renamed = replace(other, items=tuple(replace(item, id=f"other-{item.id}") for item in other.items))
    assert told(now, previous=renamed) == []


def test_a_step_that_has_its_step_before_is_not_held_against_earlier_results() -> None:
    scores = drawn(COUNT, [0.9, 0.5, 0.5])
    now = results(scores[:, 1:], arms=[arm(1), arm(2)])
    assert told(now, previous=column(scores, 0)) == [(STEP, "step-1000", "step-2000")]


@pytest.mark.parametrize("other", ["set", "scorer"])
def test_earlier_results_of_something_else_are_refused(other: str) -> None:
    now = results(drawn(COUNT, [0.5]))
    changed = (
        replace(now, set=replace(now.set, name="digits", digest="e" * 64))
        if other == "set"
        else replace(now, scorer="anls")
    )
    with pytest.raises(UserError, match="hold results of the same set and scorer against each other"):
        regressions(now, analyse(now), changed)


def test_few_images_are_never_enough() -> None:
    scores = np.array([[1.0, 0.0]] * 20)
    whole = results(scores, per_image=5)
    assert len(whole.images) == 4
    assert told(whole) == []
    assert told(column(scores, 1), previous=column(scores, 0)) == []


def test_chance_is_told_no_more_often_than_the_level_allows() -> None:
    false = sum(bool(told(results(drawn(100, [0.6, 0.6], seed=seed)))) for seed in range(100))
    # Only one direction of two is worse: 2.5 % of 100 are 2.5, and 8 or more come once in 270 times.
    assert false < 8
