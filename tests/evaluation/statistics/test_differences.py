"""Differences, their intervals and p-values agree with statsmodels and scipy, and stay honest where nothing varies."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS

from microscope.evaluation.statistics import FEWEST_FOR_P, choose, clustered, differences, non_inferior
from tests.evaluation.statistics.cases import FOUR, TWO, random_sets


def test_the_difference_of_two_checkpoints_is_the_references() -> None:
    (found,) = differences(clustered(TWO.scores, TWO.clusters))
    expected = TWO.expected["clustered_t"]
    assert (found.first, found.second, found.df) == (0, 1, expected["df"])
    assert (found.low, found.high) == pytest.approx(expected["ci95"], rel=1e-9)
    assert found.difference == pytest.approx(TWO.expected["difference"], rel=1e-12)
    assert (found.se, found.t, found.p) == pytest.approx(
        (TWO.expected["se_difference"]["cr1"], expected["t"], expected["p"]), rel=1e-9
    )


def test_all_pairs_of_four_checkpoints_are_the_references() -> None:
    found = differences(clustered(FOUR.scores, FOUR.clusters))
    names = list(FOUR.expected["accuracies"])
    pairs = FOUR.expected["pairs"]
    assert [(names[d.first], names[d.second]) for d in found] == [(pair["first"], pair["second"]) for pair in pairs]
    for difference, pair in zip(found, pairs, strict=True):
        expected = pair["difference"], pair["se_clustered_cr1"], pair["clustered_t_p"]
        assert (difference.difference, difference.se, difference.p) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("soft", [False, True])
def test_a_difference_is_that_of_statsmodels_with_cluster_covariance(soft: bool) -> None:  # noqa: FBT001 (a parameter)
    for scores, clusters in random_sets(100, soft=soft):
        (found,) = differences(clustered(scores, clusters), level=0.9)
        options = {"groups": clusters, "use_correction": True}
        d = scores[:, 1] - scores[:, 0]
        fit = OLS(d, np.ones(len(d))).fit(cov_type="cluster", cov_kwds=options, use_t=True)
        expected = fit.params[0], fit.bse[0], fit.tvalues[0], fit.pvalues[0], *fit.conf_int(0.1)[0]
        numbers = found.difference, found.se, found.t, found.p, found.low, found.high
        assert numbers == pytest.approx(expected, rel=1e-7, abs=1e-12)


def test_with_one_item_an_image_it_is_the_paired_t_test() -> None:
    for number, (scores, clusters) in enumerate(random_sets(200, alone=True, soft=True)):
        make = choose if number % 2 else clustered
        (found,) = differences(make(scores, clusters))
        expected = stats.ttest_rel(scores[:, 1], scores[:, 0])
        assert (found.t, found.p) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)
        assert found.df == expected.df
        low, high = expected.confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9, abs=1e-12)


def test_all_pairs_are_asked_about_unless_some_are() -> None:
    means = clustered(FOUR.scores, FOUR.clusters)
    every = differences(means)
    assert [(d.first, d.second) for d in every] == list(combinations(range(4), 2))
    assert differences(means, [(0, 3), (1, 2)]) == (every[2], every[3])
    assert differences(means, []) == ()
    assert differences(clustered(FOUR.scores[:, :1], FOUR.clusters)) == ()


def test_the_other_way_round_a_difference_changes_its_sign_alone() -> None:
    for scores, clusters in random_sets(50):
        there, back = differences(clustered(scores, clusters), [(0, 1), (1, 0)])
        assert (back.difference, back.low, back.high, back.t) == pytest.approx(
            (-there.difference, -there.high, -there.low, -there.t)
        )
        assert (back.se, back.p) == pytest.approx((there.se, there.p))


@pytest.mark.parametrize("images", [2, FEWEST_FOR_P - 1, FEWEST_FOR_P])
def test_few_images_have_an_interval_and_no_p(images: int) -> None:
    scores = np.random.default_rng(images).random((3 * images, 2))
    means = choose(scores, np.arange(3 * images) % images)
    (found,) = differences(means)
    assert found.low < found.difference < found.high
    assert (found.p is None) == (images < FEWEST_FOR_P)
    assert (non_inferior(found.difference, found.se, images, 0.1).p is None) == (images < FEWEST_FOR_P)


def test_two_that_agree_everywhere_may_still_differ_a_little() -> None:
    scores = np.repeat(np.random.default_rng(0).integers(0, 2, (30, 1)), 2, axis=1)
    (found,) = differences(clustered(scores, np.arange(30)))
    assert (found.difference, found.se, found.t, found.p) == (0, 0, 0, 1)
    # Thirty images without one that differs: at most 1 - .025 ** (1 / 30) of all do, as Clopper and Pearson say.
    most = stats.binomtest(0, 30).proportion_ci(0.95).high
    assert (found.low, found.high) == pytest.approx((-most, most))


def test_a_difference_that_every_image_shows_is_no_surer_than_the_sign_test() -> None:
    scores = np.tile([0.0, 1.0], (10, 1))
    (found,) = differences(clustered(scores, np.arange(10)))
    assert (found.difference, found.se, found.t, found.high) == (1, 0, math.inf, 1)
    assert found.p == pytest.approx(stats.binomtest(10, 10).pvalue)
    assert found.low == pytest.approx(2 * stats.binomtest(10, 10).proportion_ci(0.95).low - 1)
    (few,) = differences(clustered(scores[:3], np.arange(3)))
    assert few.p is None
    assert few.low < 0


def test_no_worse_is_the_one_sided_test_against_the_margin() -> None:
    held = []
    for scores, clusters in random_sets(200, alone=True, soft=True):
        (found,) = differences(clustered(scores, clusters))
        d = scores[:, 1] - scores[:, 0]
        verdict = non_inferior(found.difference, found.se, len(d), 0.3)
        expected = stats.ttest_1samp(d, -0.3, alternative="greater")
        assert verdict.p == pytest.approx(expected.pvalue, rel=1e-9)
        assert verdict.bound == pytest.approx(expected.confidence_interval(0.95).low - 0, rel=1e-9, abs=1e-12)
        assert verdict.holds == (expected.pvalue < 0.05)
        held.append(verdict.holds)
    assert {True, False} == set(held)


@given(st.integers(2, 80), st.floats(-1, 1), st.floats(0, 1), st.floats(0.6, 0.99))
def test_without_spread_no_worse_is_what_its_bound_and_its_p_say(
    images: int, difference: float, margin: float, level: float
) -> None:
    verdict = non_inferior(difference, 0, images, margin, level)
    assert -1 - 1e-12 <= verdict.bound <= difference + 1e-12
    if images < FEWEST_FOR_P:
        assert (verdict.holds, verdict.p) == (False, None)
    elif abs(verdict.bound + margin) > 1e-9:
        assert verdict.holds == (verdict.p < 1 - level)


def test_agreeing_on_few_images_is_not_yet_no_worse() -> None:
    assert not non_inferior(0, 0, 28, 0.1).holds
    assert non_inferior(0, 0, 29, 0.1).holds


@pytest.mark.parametrize("margin", [-0.01, 1.01, math.nan])
def test_a_margin_that_is_none_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        non_inferior(0.1, 0.1, 10, margin)


def test_levels_and_images_that_give_no_interval_are_refused() -> None:
    means = clustered(TWO.scores, TWO.clusters)
    with pytest.raises(ValueError, match="no interval of level 95"):
        differences(means, level=95)
    with pytest.raises(ValueError, match="no interval"):
        non_inferior(0.1, 0.1, 10, 0.1, 1)
    with pytest.raises(ValueError, match="no interval for 1 clusters"):
        non_inferior(0.1, 0.1, 1, 0.1)
