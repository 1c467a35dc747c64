"""The test of all arms being equal agrees with the reference and statsmodels, and takes arms that are the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats import contingency_tables

from microscope.evaluation.statistics import clustered, cochrans_q, differences, equal_all
from tests.evaluation.statistics.cases import FOUR, random_sets


def test_the_test_of_four_checkpoints_is_the_references() -> None:
    found = equal_all(clustered(FOUR.scores, FOUR.clusters))
    expected = FOUR.expected["global_cluster_wald"]
    assert [found.df1, found.df2] == expected["df"]
    assert (found.f, found.p) == pytest.approx((expected["F"], expected["F_p"]), rel=1e-9)


def test_it_is_the_wald_test_of_statsmodels_in_hotellings_scale() -> None:
    contrasts = np.array([[-1, 1, 0], [-1, 0, 1]])
    for scores, clusters in random_sets(100, arms=3, soft=True):
        found = equal_all(clustered(scores, clusters))
        arms = np.kron(np.eye(3), np.ones((len(scores), 1)))
        options = {"groups": np.tile(clusters, 3), "use_correction": False}
        fit = OLS(scores.T.ravel(), arms).fit(cov_type="cluster", cov_kwds=options)
        wald = fit.wald_test(contrasts, use_f=False, scalar=True).statistic
        images = len(np.unique(clusters))
        # Hotelling's F takes the covariance with C - 1 below, statsmodels here with C.
        f = (images - 2) / ((images - 1) * 2) * wald * (images - 1) / images
        assert (found.f, found.p) == pytest.approx((f, stats.f.sf(f, 2, images - 2)), rel=1e-7)


def test_of_two_arms_it_is_the_test_of_their_difference() -> None:
    for scores, clusters in random_sets(100):
        means = clustered(scores, clusters)
        found, (difference,) = equal_all(means), differences(means)
        assert (found.f, found.p) == pytest.approx((difference.t**2, difference.p), rel=1e-9)
        assert (found.df1, found.df2) == (1, difference.df)


@pytest.mark.parametrize("columns", [[2, 0, 1], [0, 0, 1, 2], [1, 2, 2, 0, 1, 0], [0, 1, 2, 0]])
@pytest.mark.parametrize("correction", ["CR1", "CR3"])
def test_neither_the_order_of_arms_nor_the_same_arm_again_counts(columns: list[int], correction: str) -> None:
    for scores, clusters in random_sets(20, arms=3):
        once = equal_all(clustered(scores, clusters, correction))
        again = equal_all(clustered(scores[:, columns], clusters, correction))
        assert (again.f, again.p) == pytest.approx((once.f, once.p), rel=1e-6, abs=1e-12)
        assert (again.df1, again.df2) == (once.df1, once.df2)


def test_arms_that_are_all_the_same_are_equal() -> None:
    same = np.repeat(FOUR.scores[:, :1], 4, axis=1)
    found = equal_all(clustered(same, FOUR.clusters))
    assert (found.f, found.df1, found.p) == (0, 0, 1)
    assert equal_all(clustered(same[:, :1], FOUR.clusters)) == found


def test_arms_that_differ_without_spread_have_no_p() -> None:
    scores = np.c_[FOUR.scores, np.zeros(60), np.ones(60)]
    for columns in ([4, 5], [4, 5, 0], [0, 1, 4, 5]):
        found = equal_all(clustered(scores[:, columns], FOUR.clusters))
        assert (found.f, found.df1, found.p) == (math.inf, len(columns) - 1, None)


@pytest.mark.parametrize(("images", "arms"), [(5, 2), (6, 7), (6, 8)])
def test_few_images_have_no_p(images: int, arms: int) -> None:
    scores = np.random.default_rng(0).random((images, arms))
    found = equal_all(clustered(scores, np.arange(images)))
    assert found.p is None
    assert found.f > 0


def test_as_many_images_as_it_takes_have_one() -> None:
    scores = np.random.default_rng(0).random((6, 6))
    assert equal_all(clustered(scores, np.arange(6))).p is not None


def test_cochrans_q_of_four_checkpoints_is_the_references() -> None:
    found, expected = cochrans_q(FOUR.scores), FOUR.expected["cochrans_q"]
    assert (found.q, found.df, found.p) == pytest.approx((expected["Q"], expected["df"], expected["p"]), rel=1e-9)


def test_cochrans_q_is_that_of_statsmodels_and_near_the_test_on_means() -> None:
    agreed = 0
    for scores, clusters in random_sets(200, arms=4, alone=True):
        found, expected = cochrans_q(scores), contingency_tables.cochrans_q(scores)
        assert (found.q, found.df, found.p) == pytest.approx((expected.statistic, expected.df, expected.pvalue))
        by_means = equal_all(clustered(scores, clusters)).p
        assert by_means is not None
        agreed += (found.p < 0.05) == (by_means < 0.05)
    assert agreed > 170


def test_of_two_arms_the_test_on_means_is_cochrans_in_another_scale() -> None:
    for scores, clusters in random_sets(100, alone=True):
        q, n = cochrans_q(scores).q, len(scores)
        assert equal_all(clustered(scores, clusters)).f == pytest.approx((n - 1) * q / (n - q), rel=1e-9, abs=1e-12)


def test_verdicts_that_never_differ_are_equal() -> None:
    assert cochrans_q(np.repeat([[1], [0], [1]], 3, axis=1)) == cochrans_q(np.ones((4, 3)))
    assert (cochrans_q(np.ones((4, 3))).q, cochrans_q(np.ones((4, 3))).p) == (0, 1)


@pytest.mark.parametrize("scores", [np.array([[0.5, 1]]), np.array([0, 1]), np.array([[math.nan, 1]])])
def test_what_are_no_verdicts_is_refused(scores: np.ndarray) -> None:
    with pytest.raises(ValueError, match="0 or 1"):
        cochrans_q(scores)
