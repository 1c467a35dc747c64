"""Intervals of one mean agree with the reference, scipy and statsmodels, and stay where a share can be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from microscope.evaluation.statistics import clopper_pearson, clustered, interval, wilson
from tests.evaluation.statistics.cases import SEQUENTIAL, TWO, random_sets


def test_the_interval_of_a_difference_is_the_references() -> None:
    difference, se = clustered(TWO.scores, TWO.clusters).contrast(np.array([-1, 1]))
    assert interval(difference, se, 14) == pytest.approx(TWO.expected["clustered_t"]["ci95"], rel=1e-9)


@pytest.mark.parametrize(
    ("clusters", "level", "quantile"),
    [
        # One degree of freedom is Cauchy: tan(pi (p - 1/2)); two have a closed form. The others are tabled.
        (2, 0.95, math.tan(math.pi * 0.475)),
        (3, 0.90, 0.9 / math.sqrt((1 - 0.81) / 2)),
        (11, 0.95, 2.228138851964939),
        (31, 0.99, 2.749995653567231),
        (121, 0.95, 1.979930405052777),
    ],
)
def test_the_reach_of_an_interval_is_the_quantile_of_students_t(clusters: int, level: float, quantile: float) -> None:
    assert interval(1, 2, clusters, level) == pytest.approx((1 - 2 * quantile, 1 + 2 * quantile), rel=1e-9)


def test_what_does_not_vary_has_an_interval_of_one_point() -> None:
    assert interval(0, 0, 14) == (0, 0)


@pytest.mark.parametrize("arm", [0, 1])
def test_the_interval_of_a_clustered_share_is_the_references(arm: int) -> None:
    means = clustered(TWO.scores, TWO.clusters)
    expected = TWO.expected[f"clustered_wilson_95_{'ab'[arm]}"]
    found = wilson(means.mean[arm], math.sqrt(means.covariance[arm, arm]), 48, 14)
    assert found == pytest.approx((expected["low"], expected["high"]), rel=1e-9)


def test_the_size_that_an_error_is_worth_is_never_more_than_the_items() -> None:
    assert wilson(0.5, 1e-9, 40, 10) == wilson(0.5, 0.0, 40, 10) == wilson(0.5, 0.5 / math.sqrt(40), 40, 10)


def test_with_very_many_images_of_one_item_it_is_wilsons_interval() -> None:
    # Then Student's quantile is the normal one.
    images, rng = 10**9, np.random.default_rng(3)
    for _ in range(200):
        n = int(rng.integers(1, 500))
        right = int(rng.integers(0, n + 1))
        level = float(rng.uniform(0.5, 0.99))
        share = right / n
        expected = proportion_confint(right, n, 1 - level, method="wilson")
        found = wilson(share, math.sqrt(share * (1 - share) / n), n, images, level)
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(st.integers(0, 1000), st.integers(0, 15), st.integers(1, 5000), st.integers(2, 300), st.floats(0.01, 0.999))
def test_a_share_has_an_interval_of_shares_that_holds_it(
    share: int, spread: int, items: int, clusters: int, level: float
) -> None:
    # The error is at most about that of a single item.
    mean = share / 1000
    low, high = wilson(mean, spread / 10 * math.sqrt(mean * (1 - mean)), items, clusters, level)
    assert 0 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= 1


def test_all_right_and_all_wrong_have_an_interval_that_says_how_little_is_known() -> None:
    low, high = wilson(1, 0, 20, 20)
    assert high == 1
    assert low == pytest.approx(20 / (20 + stats.t.ppf(0.975, 19) ** 2), rel=1e-9)
    assert wilson(0, 0, 20, 20) == pytest.approx((0, 1 - low), abs=1e-12)
    assert low < wilson(1, 0, 200, 200)[0] < 1


def test_a_soft_score_has_an_interval_too() -> None:
    for scores, clusters in random_sets(50, soft=True):
        means = clustered(scores, clusters)
        se = math.sqrt(means.covariance[0, 0])
        low, high = wilson(means.mean[0], se, means.items, means.clusters)
        below, above = interval(means.mean[0], se, means.clusters)
        assert high - low > 0.9 * (min(above, 1) - max(below, 0))


@pytest.mark.parametrize("point", SEQUENTIAL["reference_points"], ids=str)
def test_the_exact_interval_of_a_share_is_the_references(point: dict) -> None:
    assert clopper_pearson(point["wins"], point["n"]) == pytest.approx(point["clopper_pearson_95"], rel=1e-9)


def test_the_exact_interval_of_a_share_is_scipys() -> None:
    rng = np.random.default_rng(4)
    for _ in range(200):
        n = int(rng.integers(1, 60))
        wins, level = int(rng.integers(0, n + 1)), float(rng.uniform(0.5, 0.99))
        expected = stats.binomtest(wins, n).proportion_ci(level)
        assert clopper_pearson(wins, n, level) == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-15)
    assert clopper_pearson(0, 0) == (0, 1)


@pytest.mark.parametrize(("clusters", "level"), [(1, 0.95), (5, 0), (5, 1), (5, 95)])
def test_an_interval_that_does_not_exist_is_refused(clusters: int, level: float) -> None:
    with pytest.raises(ValueError, match="no interval"):
        interval(0.5, 0.1, clusters, level)
    with pytest.raises(ValueError, match="no interval"):
        wilson(0.5, 0.1, 10, clusters, level)


@pytest.mark.parametrize(("mean", "items"), [(-0.1, 5), (1.1, 5), (math.nan, 5), (0.5, 0)])
def test_what_is_no_share_is_refused(mean: float, items: int) -> None:
    with pytest.raises(ValueError, match="has no interval"):
        wilson(mean, 0.1, items, 5)


@pytest.mark.parametrize(("wins", "n"), [(-1, 3), (4, 3)])
def test_more_wins_than_trials_are_refused(wins: int, n: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        clopper_pearson(wins, n)
