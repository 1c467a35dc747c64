"""Means and intervals agree with references worked out by other libraries, and with what must hold of any."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.evaluation.statistics import clustered, interval

# Two checkpoints on 48 items of 14 images; expected values by statsmodels (OLS with cluster covariance) and scipy.
A = "010110010111010101000000011000010101100011111011"
B = "000110111111011111011111110000110111110010101111"
SIZES = (5, 4, 4, 3, 5, 2, 3, 4, 1, 5, 3, 2, 4, 3)

# Four checkpoints on 60 items, three of each of 20 images.
FOUR = (
    "011100111101000110011001111110110110000111110101001100111100",
    "011000111011110110101111111010010010010001110101001110111111",
    "111001111111110111101111110111000110010111111011101110111111",
    "101101111111110111111111111111011110110110111011111110101111",
)
FOUR_COVARIANCE = (
    (0.004605263157894737, 0.0012426900584795323, 0.0016081871345029243, 0.00043859649122806975),
    (0.001242690058479532, 0.00425438596491228, 0.002309941520467836, 0.0010233918128654974),
    (0.0016081871345029243, 0.0023099415204678366, 0.004152046783625731, 0.0011695906432748538),
    (0.00043859649122807013, 0.0010233918128654974, 0.0011695906432748538, 0.0014619883040935672),
)


def scores(*marks: str) -> np.ndarray:
    """Return verdicts as an array of shape (items, checkpoints)."""
    return np.array([[int(mark) for mark in row] for row in marks]).T


TWO = clustered(scores(A, B), np.repeat(np.arange(14), SIZES))


def test_two_checkpoints_have_the_means_and_errors_of_the_reference() -> None:
    assert TWO.clusters == 14
    assert TWO.mean == pytest.approx([0.4791666666666667, 0.6875], rel=1e-12)
    assert np.sqrt(np.diag(TWO.covariance)) == pytest.approx([0.07501217899294557, 0.08152331167967984], rel=1e-12)


def test_their_difference_has_the_error_and_interval_of_the_reference() -> None:
    difference, se = TWO.contrast(np.array([-1, 1]))
    assert difference == pytest.approx(0.20833333333333334, rel=1e-12)
    assert se == pytest.approx(0.11248400619664772, rel=1e-12)
    assert interval(difference, se, TWO.clusters) == pytest.approx(
        (-0.0346735880072708, 0.45134025467393746), rel=1e-9
    )


def test_four_checkpoints_have_the_covariance_of_the_reference() -> None:
    four = clustered(scores(*FOUR), np.arange(60) // 3)
    assert four.clusters == 20
    assert four.mean == pytest.approx([35 / 60, 37 / 60, 46 / 60, 50 / 60], rel=1e-12)
    np.testing.assert_allclose(four.covariance, FOUR_COVARIANCE, rtol=1e-10)
    assert four.contrast(np.array([-1, 0, 0, 1])) == pytest.approx((0.25, 0.07204206048921813), rel=1e-10)


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


def test_one_item_an_image_is_the_usual_standard_error() -> None:
    marks = np.random.default_rng(5).random((30, 3))
    found = clustered(marks, np.arange(30))
    np.testing.assert_allclose(found.covariance, np.cov(marks.T) / 30, rtol=1e-12)


@given(st.integers(2, 12), st.integers(1, 5))
def test_asking_everything_again_of_the_same_images_teaches_nothing(images: int, times: int) -> None:
    marks = np.random.default_rng(images).random((2 * images, 2))
    groups = np.arange(2 * images) % images
    once, again = clustered(marks, groups), clustered(np.tile(marks, (times, 1)), np.tile(groups, times))
    np.testing.assert_allclose(again.mean, once.mean, rtol=1e-9)
    np.testing.assert_allclose(again.covariance, once.covariance, rtol=1e-9, atol=1e-15)


def test_neither_the_order_of_items_nor_the_names_of_clusters_count() -> None:
    marks, groups = scores(A, B), np.repeat(np.arange(14), SIZES)
    order = np.random.default_rng(2).permutation(48)
    found = clustered(marks[order], np.array([f"image {group}" for group in groups])[order])
    np.testing.assert_allclose(found.covariance, TWO.covariance, rtol=1e-12)


def test_two_that_agree_everywhere_do_not_differ_at_all() -> None:
    same = clustered(scores(A, A), np.repeat(np.arange(14), SIZES))
    assert same.contrast(np.array([-1, 1])) == (0, 0)
    assert interval(0, 0, 14) == (0, 0)


@pytest.mark.parametrize(
    ("marks", "groups", "reason"),
    [
        (np.zeros((3, 2)), np.zeros(3), "1 clusters"),
        (np.zeros((0, 2)), np.zeros(0), "0 clusters"),
        (np.zeros((3, 2)), np.arange(4), "do not fit"),
        (np.zeros(3), np.arange(3), "do not fit"),
        (np.array([[1.0], [math.nan]]), np.arange(2), "not a finite"),
    ],
)
def test_what_has_no_spread_or_no_shape_is_refused(marks: np.ndarray, groups: np.ndarray, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        clustered(marks, groups)


@pytest.mark.parametrize(("clusters", "level"), [(1, 0.95), (5, 0), (5, 1), (5, 95)])
def test_an_interval_that_does_not_exist_is_refused(clusters: int, level: float) -> None:
    with pytest.raises(ValueError, match="no interval"):
        interval(0.5, 0.1, clusters, level)
