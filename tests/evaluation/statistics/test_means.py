"""Means and their covariance agree with references worked out by other libraries, and with what must hold of any."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.regression.linear_model import OLS

from microscope.evaluation.statistics import FEW, FEWEST_CLUSTERS, Means, choose, clustered
from tests.evaluation.statistics.cases import FOUR, TWO, random_sets

FOUND = clustered(TWO.scores, TWO.clusters)


@pytest.mark.parametrize(("correction", "name"), [("CR1", "cr1"), ("CR3", "cr3_jackknife")])
def test_two_checkpoints_have_the_means_and_errors_of_the_reference(correction: str, name: str) -> None:
    means = clustered(TWO.scores, TWO.clusters, correction)
    assert (means.clusters, means.items, means.correction) == (14, 48, correction)
    assert means.mean == pytest.approx([TWO.expected["accuracy_a"], TWO.expected["accuracy_b"]], rel=1e-12)
    errors = [TWO.expected[f"se_accuracy_{arm}"][name] for arm in "ab"]
    assert np.sqrt(np.diag(means.covariance)) == pytest.approx(errors, rel=1e-10)
    difference = TWO.expected["difference"], TWO.expected["se_difference"][name]
    assert means.contrast(np.array([-1, 1])) == pytest.approx(difference, rel=1e-10)


def test_four_checkpoints_have_the_covariance_of_the_reference() -> None:
    four = clustered(FOUR.scores, FOUR.clusters)
    assert four.clusters == 20
    assert four.mean == pytest.approx(list(FOUR.expected["accuracies"].values()), rel=1e-12)
    np.testing.assert_allclose(four.covariance, FOUR.expected["covariance_of_accuracies_cr1"], rtol=1e-10)


@pytest.mark.parametrize("soft", [False, True])
def test_errors_are_those_of_statsmodels_with_cluster_covariance(soft: bool) -> None:  # noqa: FBT001 (a parameter)
    for scores, clusters in random_sets(100, soft=soft):
        means = clustered(scores, clusters)
        options = {"groups": clusters, "use_correction": True}
        fit = OLS(scores[:, 1] - scores[:, 0], np.ones(len(scores))).fit(cov_type="cluster", cov_kwds=options)
        assert means.contrast(np.array([-1, 1])) == pytest.approx((fit.params[0], fit.bse[0]), rel=1e-9, abs=1e-14)


def test_the_whole_covariance_is_that_of_statsmodels_on_all_arms_at_once() -> None:
    for scores, clusters in random_sets(100, arms=3):
        means = clustered(scores, clusters)
        long, arms = scores.T.ravel(), np.kron(np.eye(3), np.ones((len(scores), 1)))
        options = {"groups": np.tile(clusters, 3), "use_correction": False}
        fit = OLS(long, arms).fit(cov_type="cluster", cov_kwds=options)
        count = means.clusters
        np.testing.assert_allclose(means.covariance, fit.cov_params() * count / (count - 1), rtol=1e-9, atol=1e-15)


def test_cr3_is_what_leaving_out_each_image_gives() -> None:
    for scores, clusters in random_sets(30, arms=3, soft=True):
        names = np.unique(clusters)
        without = np.array([scores[clusters != name].mean(0) for name in names])
        off = without - without.mean(0)
        covariance = (len(names) - 1) / len(names) * off.T @ off
        np.testing.assert_allclose(clustered(scores, clusters, "CR3").covariance, covariance, rtol=1e-9, atol=1e-15)


def test_few_images_are_corrected_by_leaving_out_each() -> None:
    scores = np.random.default_rng(1).random((3 * FEW, 2))
    for images, correction in ((FEW - 1, "CR3"), (FEW, "CR1")):
        groups = np.arange(3 * FEW) % images
        chosen, wanted = choose(scores, groups), clustered(scores, groups, correction)
        assert chosen.correction == correction
        np.testing.assert_array_equal(chosen.covariance, wanted.covariance)


@pytest.mark.parametrize("correction", ["CR1", "CR3"])
def test_one_item_an_image_is_the_usual_standard_error(correction: str) -> None:
    scores = np.random.default_rng(5).random((30, 3))
    found = clustered(scores, np.arange(30), correction)
    np.testing.assert_allclose(found.covariance, np.cov(scores.T) / 30, rtol=1e-12)


@given(st.integers(2, 12), st.integers(1, 5), st.sampled_from(["CR1", "CR3"]))
def test_asking_everything_again_of_the_same_images_teaches_nothing(images: int, times: int, correction: str) -> None:
    scores = np.random.default_rng(images).random((2 * images, 2))
    groups = np.arange(2 * images) % images
    once = clustered(scores, groups, correction)
    again = clustered(np.tile(scores, (times, 1)), np.tile(groups, times), correction)
    np.testing.assert_allclose(again.mean, once.mean, rtol=1e-9)
    np.testing.assert_allclose(again.covariance, once.covariance, rtol=1e-9, atol=1e-15)


def test_neither_the_order_of_items_nor_the_names_of_clusters_count() -> None:
    order = np.random.default_rng(2).permutation(48)
    found = clustered(TWO.scores[order], np.array([f"image {group}" for group in TWO.clusters])[order])
    np.testing.assert_allclose(found.covariance, FOUND.covariance, rtol=1e-12)


def test_two_that_agree_everywhere_do_not_differ_at_all() -> None:
    for scores, clusters in random_sets(50, arms=9, soft=True):
        same = scores[:, [0, 1, 2, 3, 4, 5, 6, 7, 0]]
        assert clustered(same, clusters).contrast(np.eye(9)[8] - np.eye(9)[0]) == (0, 0)


def test_a_difference_that_every_item_shows_has_no_error() -> None:
    for scores, clusters in random_sets(50, soft=True):
        _, error = clustered(np.c_[scores[:, 0], scores[:, 0] + 0.1], clusters).contrast(np.array([-1, 1]))
        assert error == 0


def test_one_item_of_very_many_is_no_rounding() -> None:
    scores = np.tile([[1.0, 1.0], [0.0, 0.0]], (200_000, 1))
    scores[0, 1] = 0.99
    value, error = clustered(scores, np.arange(len(scores))).contrast(np.array([-1, 1]))
    assert (value, error) == pytest.approx((-2.5e-8, 2.5e-8), rel=1e-5)


def test_many_contrasts_are_what_each_is_alone() -> None:
    weights = np.array([[1, -1], [0, 1], [0.5, 0.5]])
    values, errors = FOUND.contrasts(weights)
    each = [FOUND.contrast(row) for row in weights]
    assert list(zip(values, errors, strict=True)) == [pytest.approx(pair, rel=1e-12) for pair in each]


def test_means_can_be_made_of_what_they_need_alone() -> None:
    means = Means(np.array([0.5]), np.array([[0.04]]), 7)
    assert (means.items, means.correction) == (0, "CR1")
    assert means.contrast(np.array([2.0])) == pytest.approx((1, 0.4))


@pytest.mark.parametrize(
    ("scores", "groups", "reason"),
    [
        (np.zeros((3, 2)), np.zeros(3), "1 clusters"),
        (np.zeros((3, 2)), np.arange(4), "do not fit"),
        (np.zeros(3), np.arange(3), "do not fit"),
        (np.array([[1.0], [math.nan]]), np.arange(2), "not a finite"),
        (np.array([[1.0], [math.inf]]), np.arange(2), "not a finite"),
    ],
)
def test_what_has_no_spread_or_no_shape_is_refused(scores: np.ndarray, groups: np.ndarray, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        clustered(scores, groups)


def test_no_items_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match=f"0 clusters have no spread; it takes {FEWEST_CLUSTERS}"):
        clustered(np.zeros((0, 2)), np.zeros(0))


def test_a_correction_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="CR1 or CR3"):
        clustered(TWO.scores, TWO.clusters, "CR2")
