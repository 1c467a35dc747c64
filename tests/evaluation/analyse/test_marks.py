"""A mark is an arm's score with everything that makes it less than it seems."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from microscope.evaluation.analyse.marks import marks_of
from microscope.evaluation.analyse.pairs import pairs_of
from microscope.evaluation.analyse.prepared import prepare
from microscope.evaluation.analysis import Mark, Options
from microscope.evaluation.results import Results
from microscope.evaluation.statistics import wilson
from tests.evaluation.analyse.made import drawn, results
from tests.evaluation.statistics.cases import FOUR


def marks(made: Results) -> tuple[Mark, ...]:
    prepared = prepare(made, Options())
    return marks_of(prepared, pairs_of(prepared))


def test_scores_letters_and_errors_are_the_references() -> None:
    found = marks(results(FOUR.scores, per_image=3))
    assert [mark.letters for mark in found] == ["b", "b", "ab", "a"]
    assert [mark.score.value for mark in found] == pytest.approx(list(FOUR.expected["accuracies"].values()))
    covariance = np.array(FOUR.expected["covariance_of_accuracies_cr1"])
    assert [mark.se for mark in found] == pytest.approx(np.sqrt(np.diag(covariance)))
    assert (found[0].score.low, found[0].score.high) == pytest.approx(wilson(35 / 60, found[0].se, 60, 20))


def test_everything_that_makes_a_score_less_is_counted() -> None:
    scores = drawn(100, [0.5, 0.7])
    scores[:10, 0] = 0
    made = results(scores, failures=[dict.fromkeys(range(10), "lost"), {}], strictness=(scores * 0, scores * 0 + 1))
    parsed = np.ones((100, 2), bool)
    parsed[:25, 1] = False
    answers = (made.answers[0], replace(made.answers[1], cut=frozenset({4, 5})))
    first, second = marks(replace(made, parsed=parsed, answers=answers))
    assert (first.failed, second.failed, first.cut, second.cut) == (10, 0, 0, 2)
    assert (first.unparsed, second.unparsed) == (0, 0.25)
    assert (first.strict, first.lenient, first.n) == (0, 1, 100)
    assert first.complete == pytest.approx(scores[10:, 0].mean())
    assert second.complete == pytest.approx(scores[10:, 1].mean())


def test_where_everything_failed_there_are_no_complete_cases() -> None:
    (mark,) = marks(results(np.zeros((30, 1)), failures=[dict.fromkeys(range(30), "lost")]))
    assert (mark.score.value, mark.complete, mark.failed) == (0, None, 30)
    assert mark.score.low == pytest.approx(0, abs=1e-12)
    assert 0.3 < mark.score.high < 0.7, "six images that all failed are no proof"


def test_one_image_has_a_score_without_interval_and_one_arm_one_letter() -> None:
    (mark,) = marks(results(np.array([[1.0], [0.0]])))
    assert (mark.score.value, mark.score.low, mark.se, mark.letters) == (0.5, None, None, "a")


def test_what_failed_is_not_unread_as_well() -> None:
    made = results(drawn(100, [0.5]), failures=[dict.fromkeys(range(20), "lost")])
    parsed = np.ones((100, 1), bool)
    parsed[:40] = False
    (mark,) = marks(replace(made, parsed=parsed))
    assert (mark.failed, mark.unparsed) == (20, 20 / 80)
    (mark,) = marks(results(np.zeros((30, 1)), failures=[dict.fromkeys(range(30), "lost")]))
    assert mark.unparsed == 0
