"""A run's steps in order, the best of them, and which others might as well be it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microscope.evaluation.analyse.marks import marks_of
from microscope.evaluation.analyse.pairs import pairs_of
from microscope.evaluation.analyse.prepared import prepare
from microscope.evaluation.analyse.timelines import timelines_of
from microscope.evaluation.analysis import Options, Timeline
from microscope.evaluation.results import Results
from microscope.records import GenerationSettings
from tests.evaluation.analyse.made import arm, drawn, results


def timelines(made: Results) -> tuple[Timeline, ...]:
    prepared = prepare(made, Options())
    return timelines_of(prepared, marks_of(prepared, pairs_of(prepared)))


def test_steps_are_in_order_and_the_best_one_is_recommended_with_its_equals() -> None:
    arms = [arm(3), arm(0), arm(2)]
    (found,) = timelines(results(drawn(500, [0.8, 0.3, 0.79]), arms=arms))
    assert [moment.step for moment in found.moments] == [1000, 3000, 4000]
    assert [moment.separated_from_best for moment in found.moments] == [True, False, False]
    assert (found.run, found.recommended) == ("scenes", "step-4000")
    assert found.sentence.startswith("Step 4,000 scores highest (80.0 %, 95 % interval ")
    assert found.sentence.endswith("not separated from step 3,000 (Holm over 3 pairs of steps).")


def test_a_step_that_beats_all_others_says_so() -> None:
    (found,) = timelines(results(drawn(500, [0.3, 0.5, 0.9])))
    assert found.sentence.endswith("separated from every other step of scenes (Holm over 3 pairs of steps).")


def test_of_equal_steps_the_earliest_is_recommended() -> None:
    same = drawn(100, [0.5])
    (found,) = timelines(results(np.hstack([same, same])))
    assert found.recommended == "step-1000"
    assert not any(moment.separated_from_best for moment in found.moments)


def test_too_few_images_separate_no_step() -> None:
    (found,) = timelines(results(np.tile([0.0, 1.0, 1.0], (20, 1))))
    assert "Holm" not in found.sentence
    assert not any(moment.separated_from_best for moment in found.moments)


def test_other_runs_settings_and_arms_without_steps_are_other_lines() -> None:
    other = GenerationSettings(max_new_tokens=8)
    arms = [
        arm(0, factors=(("tokens", "64"),)),
        arm(1, factors=(("tokens", "64"),)),
        arm(0, key="x", settings=other, factors=(("tokens", "8"),)),
        arm(1, key="y", settings=other, factors=(("tokens", "8"),)),
        arm(2, key="z", run="lonely"),
        replace(arm(3), run=None, step=None),
    ]
    found = timelines(results(drawn(100, [0.5] * 6), arms=arms))
    assert [line.run for line in found] == ["scenes, tokens 64", "scenes, tokens 8"]
    assert [moment.key for moment in found[1].moments] == ["x", "y"]
