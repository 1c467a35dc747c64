"""What cannot be analysed is refused in a sentence; what can is in one order with names that tell arms apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from microscope.errors import UserError
from microscope.evaluation.analyse.prepared import arm_names, prepare
from microscope.evaluation.analysis import Options
from microscope.evaluation.results import Results
from tests.evaluation.analyse.made import arm, drawn, results, shuffled


def empty() -> Results:
    made = results(np.ones((1, 1)))
    nothing = replace(made.answers[0], texts=(), addresses=(), tokens=np.zeros(0))
    shapes = {"scores": np.zeros((3, 0, 1)), "parsed": np.zeros((0, 1)), "clusters": np.zeros(0, int)}
    return replace(made, items=(), images=(), answers=(nothing,), order=np.zeros(0, int), **shapes)


def test_no_answers_and_no_arms_are_nothing_to_analyse() -> None:
    for made in (empty(), replace(results(np.ones((4, 1))), answers=())):
        with pytest.raises(UserError, match="no answers to analyse yet"):
            prepare(made, Options())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (Options("step-9"), "Choose one of: step-1000, step-2000"),
        (Options("step-1000", margin=2.0), "two points"),
        (Options("step-1000", margin=0.0), "two points"),
        (Options(margin=0.02), "Choose the baseline too"),
        (Options(level=95), "level of 95"),
        (Options(power=0.0), "power of 0"),
    ],
)
def test_options_that_do_not_fit_say_what_would(options: Options, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        prepare(results(np.ones((12, 2))), options)


def test_arms_of_the_same_label_go_by_their_keys() -> None:
    arms = (arm(0, label="tiny"), arm(1, label="tiny"), arm(2, label=""), arm(3))
    assert arm_names(arms) == ("step-1000", "step-2000", "step-3000", "step 4000")


def test_everything_is_in_the_sets_order() -> None:
    made = results(drawn(60, [0.5, 0.7]))
    plain, mixed = prepare(made, Options("step-2000")), prepare(shuffled(made), Options("step-2000"))
    assert np.array_equal(plain.scores, mixed.scores)
    assert np.array_equal(plain.clusters, mixed.clusters)
    assert (plain.images, plain.binary, plain.baseline) == (12, True, 1)
    assert plain.alpha == pytest.approx(0.05)


def test_soft_scores_and_one_picture_are_told() -> None:
    assert not prepare(results(np.full((12, 2), 0.3)), Options()).binary
    assert prepare(results(np.ones((3, 2))), Options()).means is None
