"""Effect sizes, design effect and intraclass correlation agree with the reference and with other libraries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.proportion import proportion_effectsize

from microscope.evaluation.statistics import cohens_d, cohens_dz, cohens_h, design_effect, icc
from tests.evaluation.statistics.cases import TWO, random_sets

A, B = TWO.scores.T


def test_sizes_of_two_checkpoints_are_the_references() -> None:
    expected = TWO.expected
    assert cohens_h(A.mean(), B.mean()) == pytest.approx(expected["cohens_h"], rel=1e-9)
    assert cohens_dz(B - A) == pytest.approx(expected["cohens_dz"], rel=1e-9)
    assert design_effect(B - A, TWO.clusters) == pytest.approx(expected["design_effect"], rel=1e-9)
    assert icc(B - A, TWO.clusters) == pytest.approx(expected["icc_anova_difference"], rel=1e-9)


@given(st.floats(0, 1), st.floats(0, 1))
def test_h_is_that_of_statsmodels(first: float, second: float) -> None:
    assert cohens_h(first, second) == pytest.approx(proportion_effectsize(second, first), rel=1e-9, abs=1e-12)
    assert cohens_h(second, first) == -cohens_h(first, second)


def test_sizes_are_what_t_tests_of_scipy_and_statsmodels_come_to() -> None:
    for scores, clusters in random_sets(200, soft=True):
        first, second = scores.T
        n, d = len(first), second - first
        assert cohens_dz(d) == pytest.approx(stats.ttest_1samp(d, 0).statistic / math.sqrt(n), rel=1e-9, abs=1e-12)
        pooled = stats.ttest_ind(second, first).statistic * math.sqrt(2 / n)
        assert cohens_d(first, second) == pytest.approx(pooled, rel=1e-9, abs=1e-12)
        ones, options = np.ones(n), {"groups": clusters, "use_correction": True}
        errors = [OLS(d, ones).fit(cov_type="cluster", cov_kwds=options).bse[0], OLS(d, ones).fit().bse[0]]
        assert design_effect(d, clusters) == pytest.approx((errors[0] / errors[1]) ** 2, rel=1e-9)


def test_the_correlation_of_images_of_one_size_is_the_one_of_f() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        values = rng.normal(size=(12, 1)) + rng.normal(size=(12, 4))
        f = stats.f_oneway(*values).statistic
        assert icc(values.ravel(), np.repeat(np.arange(12), 4)) == pytest.approx((f - 1) / (f + 3), rel=1e-9)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_the_correlation_that_is_there_is_found(share: float) -> None:
    rng = np.random.default_rng(1)
    clusters = np.sort(rng.integers(0, 3000, 12_000))
    common = rng.normal(size=3000)[clusters]
    values = math.sqrt(share) * common + math.sqrt(1 - share) * rng.normal(size=12_000)
    assert icc(values, clusters) == pytest.approx(share, abs=0.03)
    # With m questions an image it costs 1 + (m - 1) icc; m as images are met, by their items.
    met = float((np.bincount(clusters) ** 2).sum() / 12_000)
    assert design_effect(values, clusters) == pytest.approx(1 + (met - 1) * share, rel=0.1)


def test_the_same_answer_to_all_of_an_image_correlates_wholly() -> None:
    clusters = np.repeat(np.arange(8), 3)
    assert icc(np.random.default_rng(0).normal(size=8)[clusters], clusters) == pytest.approx(1)
    # Of two values that are always apart, the correlation is as low as it can be.
    assert icc(np.tile([0.0, 1.0], 8), np.repeat(np.arange(8), 2)) == pytest.approx(-1)


def test_one_item_an_image_costs_nothing() -> None:
    assert design_effect(B - A, np.arange(48)) == pytest.approx(1)
    assert icc(B - A, np.arange(48)) is None


@pytest.mark.parametrize("same", [0.0, 0.3, 1.0])
def test_what_has_no_spread_has_no_size(same: float) -> None:
    values = np.full(48, same)
    assert cohens_dz(values) is None
    assert cohens_d(values, np.ones(48)) is None
    assert design_effect(values, TWO.clusters) is None
    assert icc(values, TWO.clusters) is None


def test_a_difference_that_is_always_the_same_has_no_spread_but_for_rounding() -> None:
    scores = np.round(np.random.default_rng(0).random(50), 1)
    assert cohens_dz((scores + 0.1) - scores) is None


def test_one_item_or_one_image_has_no_spread() -> None:
    assert cohens_dz(np.ones(1)) is None
    assert cohens_dz(np.ones(0)) is None
    assert design_effect(B - A, np.zeros(48)) is None
    assert icc(B - A, np.zeros(48)) is None


@pytest.mark.parametrize(("first", "second"), [(-0.1, 0.5), (0.5, 1.1)])
def test_what_is_no_share_is_refused(first: float, second: float) -> None:
    with pytest.raises(ValueError, match="not both shares"):
        cohens_h(first, second)
