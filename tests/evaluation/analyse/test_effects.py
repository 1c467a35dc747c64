"""An ablation's effects are the means they are said to be, and what is no ablation has none."""

from __future__ import annotations

import numpy as np
import pytest

from microscope.evaluation.analyse.effects import complete, effects_of, varied
from microscope.evaluation.analyse.phrases import MINUS
from microscope.evaluation.analyse.prepared import Prepared, prepare
from microscope.evaluation.analysis import Options
from tests.evaluation.analyse.made import arm, drawn, results

CELLS = (("A", "all"), ("A", "25 %"), ("B", "all"), ("B", "25 %"))


def prepared(means: list[float], cells: tuple[tuple[str, ...], ...], names: tuple[str, ...]) -> Prepared:
    arms = [
        arm(number, key=f"arm-{number}", factors=tuple(zip(names, cell, strict=True)))
        for number, cell in enumerate(cells)
    ]
    return prepare(results(drawn(1000, means), arms=arms), Options())


def test_main_effects_and_interaction_of_two_factors() -> None:
    found = effects_of(prepared([0.8, 0.7, 0.8, 0.5], CELLS, ("template", "keep")))
    assert [effect.name for effect in found] == [
        "template: A → B",
        "keep: all → 25 %",
        "template: A → B × keep: all → 25 %",
    ]
    assert [effect.difference.value for effect in found] == pytest.approx([-0.1, -0.2, -0.2])
    assert all(effect.p_holm >= effect.p for effect in found)
    assert found[0].sentence.startswith(
        f"template B instead of A changes the score by {MINUS}10.0 points on average ("
    )
    assert "is 20.0 points lower at keep 25 % than at all" in found[2].sentence
    assert found[2].sentence.endswith("p < 0.001 after Holm).")


def test_what_does_nothing_is_said_to_be_no_different_from_none() -> None:
    (found,) = effects_of(prepared([0.6, 0.6], (("A",), ("B",)), ("template",)))
    assert found.p_holm > 0.05
    assert found.sentence.endswith("which cannot be told from none.")


def test_a_factor_of_one_level_is_left_out() -> None:
    made = prepared([0.6, 0.7], (("A", "all"), ("A", "25 %")), ("template", "keep"))
    assert varied(made) == ("keep",)
    assert [effect.name for effect in effects_of(made)] == ["keep: all → 25 %"]


def test_missing_combinations_and_arms_without_factors_are_no_ablation() -> None:
    made = prepared([0.6, 0.7, 0.8], CELLS[:3], ("template", "keep"))
    assert not complete(made)
    assert effects_of(made) == ()
    assert effects_of(prepare(results(np.ones((20, 2))), Options())) == ()


def test_one_image_has_no_effects() -> None:
    arms = [arm(number, factors=(("keep", level),)) for number, level in enumerate(("all", "25 %"))]
    assert effects_of(prepare(results(np.ones((3, 2)), arms=arms), Options())) == ()
