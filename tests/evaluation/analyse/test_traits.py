"""What goes with failure is found where it was put, and chance is not taken for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from microscope.evaluation.analyse.groups import groupings, spoken, words
from microscope.evaluation.analyse.prepared import prepare
from microscope.evaluation.analyse.traits import FEWEST_ITEMS, MOST_TRAITS, traits_of
from microscope.evaluation.analysis import Options, Trait
from microscope.evaluation.results import Results
from tests.evaluation.analyse.made import drawn, results


def traits(made: Results) -> tuple[Trait, ...]:
    prepared = prepare(made, Options())
    said = spoken(prepared.results)
    return traits_of(prepared, (*groupings(prepared.results, said), words(said)))


def test_a_word_that_breaks_an_arm_comes_first_for_that_arm_alone() -> None:
    made = results(drawn(400, [0.7, 0.7]))
    cursed = np.random.default_rng(5).random(400) < 0.2
    items = tuple(
        replace(item, question=f"{item.question} mirror" if bad else item.question)
        for item, bad in zip(made.items, cursed, strict=True)
    )
    scores = made.scores.copy()
    scores[:, cursed, 1] *= np.random.default_rng(6).random(cursed.sum()) < 0.3
    found = traits(replace(made, items=items, scores=scores))
    first, second = ([trait for trait in found if trait.arm == key] for key in ("step-1000", "step-2000"))
    assert second[0].trait == "the question says “mirror”"
    assert second[0].items == cursed.sum()
    assert second[0].failure_with == pytest.approx(1 - scores[1, cursed, 1].mean())
    assert second[0].failure_without == pytest.approx(1 - scores[1, ~cursed, 1].mean())
    assert second[0].p_bh < 0.001
    assert second[0].difference.low > 0.2
    assert all(trait.p_bh is None or trait.p_bh > 0.05 for trait in first)


def test_traits_are_common_enough_few_enough_and_each_said_once() -> None:
    made = results(drawn(300, [0.6]))
    found = traits(made)
    assert 0 < len(found) <= MOST_TRAITS
    assert all(FEWEST_ITEMS <= trait.items <= 300 - FEWEST_ITEMS for trait in found)
    names = {trait.trait for trait in found}
    assert not names & {"the question says “how”", "first word: how"}, "it is the same as the kind count"


def test_a_small_set_has_no_traits() -> None:
    assert traits(results(drawn(15, [0.6]))) == ()


def test_few_images_have_no_p() -> None:
    found = traits(results(drawn(100, [0.6]), per_image=25))
    assert found
    assert {trait.p_bh for trait in found} == {None}
