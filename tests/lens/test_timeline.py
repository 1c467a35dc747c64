"""A run in order: which checkpoints belong to it, and which step is best."""

from __future__ import annotations

import math

import pytest

from microscope.catalog.spec import Catalog, ModelSpec
from microscope.lens.timeline import NO_REFERENCE, Stage, best, mean_probability, runs


def spec(key: str, run: str | None, step: int | None) -> ModelSpec:
    return ModelSpec(key, key, f"/runs/{key}", folder=True, run=run, step=step)


def stage(step: int, text: str, probability: float | None) -> Stage:
    return Stage(f"step-{step}", f"Step {step}", step, text, probability)


def test_a_run_has_its_checkpoints_by_step() -> None:
    catalog = Catalog((spec("c", "a run", 30), spec("a", "a run", 4), spec("x", None, 7), spec("b", "a run", 5)))
    assert {run: [one.key for one in specs] for run, specs in runs(catalog).items()} == {"a run": ["a", "b", "c"]}


def test_one_checkpoint_is_no_run_and_one_without_a_step_belongs_to_none() -> None:
    assert runs(Catalog((spec("a", "one", 1), spec("b", "two", None), spec("c", "two", 3)))) == {}


def test_the_probability_is_a_geometric_mean() -> None:
    assert mean_probability([math.log(0.5), math.log(0.125)]) == pytest.approx(0.25)


def test_the_best_step_gives_the_reference_the_highest_probability() -> None:
    stages = [stage(100, "red", 0.1), stage(200, "Blue.", 0.8), stage(300, "blue", 0.9), stage(400, "green", 0.2)]
    number, why = best(stages, "blue")
    assert number == 2
    assert "step 300" in why
    assert "a token, 0.9" in why
    assert "the first step that answers it is 200" in why


def test_of_equal_steps_the_first_is_best() -> None:
    number, why = best([stage(1, "no", 0.2), stage(2, "yes", 0.9995), stage(3, "yes", 1.0)], "yes")
    assert number == 1
    assert "and answers it first" in why


def test_a_reference_that_no_step_answers_is_told() -> None:
    assert best([stage(1, "no", 0.3), stage(2, "maybe", 0.4)], "yes") == (
        1,
        "Best: step 2 gives “yes” the highest probability a token, 0.4; no step answers it.",
    )


def test_small_probabilities_are_told_apart() -> None:
    number, why = best([stage(100, "no", 0.0001), stage(6000, "maybe", 0.0009)], "yes")
    assert number == 1
    assert "0.0009" in why


def test_without_a_reference_none_is_best() -> None:
    assert best([stage(1, "no", None)], "") == (None, NO_REFERENCE)
