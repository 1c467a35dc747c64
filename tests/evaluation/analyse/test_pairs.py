"""Pairs have the reference's numbers, are corrected over what was asked, and say nothing where nothing can be said."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from microscope.evaluation.analyse.pairs import detectable_by, pairs_of
from microscope.evaluation.analyse.prepared import prepare
from microscope.evaluation.analysis import Options, Pair
from microscope.evaluation.statistics import cohens_h, design_effect, mcnemar, sign_flip
from tests.evaluation.analyse.made import drawn, results
from tests.evaluation.statistics.cases import FOUR


def pairs(scores: np.ndarray, options: Options = Options(), per_image: int = 5) -> tuple[Pair, ...]:
    return pairs_of(prepare(results(scores, per_image=per_image), options))


def test_four_checkpoints_have_the_numbers_of_the_reference() -> None:
    found = pairs(FOUR.scores, per_image=3)
    for pair, expected in zip(found, FOUR.expected["pairs"], strict=True):
        assert pair.difference.value == pytest.approx(expected["difference"])
        assert pair.se == pytest.approx(expected["se_clustered_cr1"])
        assert pair.p == pytest.approx(expected["clustered_t_p"])
        assert pair.p_holm == pytest.approx(expected["clustered_holm_p"])
        assert pair.separated == (expected["clustered_holm_p"] < 0.05)
        assert (pair.broken, pair.fixed) == (expected["first_only"], expected["second_only"])
        assert pair.mcnemar is None, "images have three questions each"
        assert pair.sign_flip is None, "there are twenty images"


def test_with_a_baseline_its_pairs_come_first_and_are_corrected_alone() -> None:
    scores = drawn(600, [0.5, 0.56, 0.6, 0.62])
    found, every = pairs(scores, Options("step-3000")), pairs(scores)
    assert [(pair.first, pair.second) for pair in found[:3]] == [
        ("step-3000", "step-1000"),
        ("step-3000", "step-2000"),
        ("step-3000", "step-4000"),
    ]
    alone = multipletests([pair.p for pair in found[:3]], method="holm")[1]
    assert [pair.p_holm for pair in found[:3]] == pytest.approx(alone)
    assert len(found) == len(every)
    whole = {(pair.first, pair.second): pair.p_holm for pair in every}
    assert [pair.p_holm for pair in found[3:]] == pytest.approx([whole[pair.first, pair.second] for pair in found[3:]])


def test_few_images_have_the_exact_test_beside_the_other() -> None:
    scores = drawn(50, [0.4, 0.7, 0.8])
    found = pairs(scores)
    exact = sign_flip(scores, np.arange(50) // 5, [(0, 1), (0, 2), (1, 2)]).westfall_young
    assert [pair.sign_flip for pair in found] == pytest.approx(exact)


def test_under_six_images_there_is_no_p_and_nothing_is_separated() -> None:
    (pair,) = pairs(np.tile([0.0, 1.0], (25, 1)))
    assert (pair.p, pair.p_holm, pair.separated, pair.detectable, pair.sign_flip) == (None, None, False, None, None)
    assert pair.difference.low is not None


def test_one_image_has_a_difference_and_no_more() -> None:
    (pair,) = pairs(np.array([[0.0, 1.0], [1.0, 1.0]]))
    assert pair.difference.value == 0.5
    assert (pair.difference.low, pair.se, pair.p, pair.inferior_by) == (None, None, None, None)
    assert (pair.fixed, pair.broken) == (1, 0)


def test_one_question_an_image_has_mcnemar_and_no_design_effect_to_speak_of() -> None:
    scores = drawn(80, [0.5, 0.7], per_image=1)
    (pair,) = pairs(scores, per_image=1)
    assert pair.mcnemar == mcnemar(scores[:, 0], scores[:, 1]).exact_p
    assert pair.design_effect == pytest.approx(1.0)
    (soft,) = pairs(scores * 0.5, per_image=1)
    assert (soft.mcnemar, soft.h) == (None, None)


def test_sizes_are_the_statistics_own() -> None:
    scores = drawn(300, [0.5, 0.7])
    (pair,) = pairs(scores)
    change = scores[:, 1] - scores[:, 0]
    assert pair.design_effect == pytest.approx(design_effect(change, np.arange(300) // 5))
    assert pair.h == pytest.approx(cohens_h(0.5, 0.7))
    assert pair.dz == pytest.approx(change.mean() / change.std(ddof=1))
    assert pair.inferior_by is not None
    assert -pair.inferior_by > pair.difference.low, "one side is nearer than two"


def test_arms_that_agree_everywhere_are_not_separated_and_the_set_is_not_all_seeing() -> None:
    same = drawn(300, [0.5])
    (pair,) = pairs(np.hstack([same, same]))
    assert (pair.difference.value, pair.p, pair.separated) == (0.0, 1.0, False)
    assert pair.detectable is not None
    assert 0.05 < pair.detectable < 0.2
    assert (pair.more_items, pair.dz, pair.design_effect) == (None, None, None)


def test_what_a_set_sees_is_never_more_than_everything() -> None:
    assert detectable_by(0.9, 6, 0.8, 0.95) == 1.0
    assert detectable_by(0.0, 6, 0.8, 0.95) == 1.0
    assert detectable_by(0.01, 200, 0.8, 0.95) == pytest.approx(0.0281, abs=2e-4)
