"""Means of all parts at once are those of each part by itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import statsmodels.api as sm

from microscope.evaluation.analyse.groups import Grouping
from microscope.evaluation.analyse.sums import part_contrasts, part_means, parts_of
from microscope.evaluation.statistics import choose


def sets() -> Iterator[tuple[Grouping, np.ndarray, np.ndarray]]:
    """Yield groupings whose parts overlap, the pictures of their items in and out of order, and a column of scores."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        count = 400
        clusters = rng.integers(0, (10, 60)[seed % 2], count)
        if seed % 3 == 0:
            clusters = np.sort(clusters)
        clusters = np.unique(clusters, return_inverse=True)[1]
        has = rng.random((4, count)) < np.array([[0.9], [0.5], [0.2], [0.04]])
        codes, items = np.nonzero(has)
        yield Grouping("x", tuple("abcd"), items, codes), clusters, rng.integers(0, 3, count) / 2


def test_means_and_errors_are_those_of_the_part_alone() -> None:
    for grouping, clusters, column in sets():
        mean, error = part_means(parts_of(grouping, clusters), column)
        for part, rows in enumerate(grouping.members()):
            alone = choose(column[rows, None], clusters[rows])
            assert mean[part] == pytest.approx(alone.mean[0])
            assert error[part] == pytest.approx(np.sqrt(alone.covariance[0, 0]), rel=1e-9)


def test_a_part_of_one_picture_has_no_error() -> None:
    grouping = Grouping("x", ("one",), np.array([0, 1]), np.array([0, 0]))
    mean, error = part_means(parts_of(grouping, np.array([0, 0, 1])), np.array([1.0, 0.0, 1.0]))
    assert mean.tolist() == [0.5]
    assert np.isnan(error).all()


def test_contrasts_are_those_of_a_regression_on_having_the_trait() -> None:
    for grouping, clusters, column in sets():
        inside, outside, error, fewer = part_contrasts(parts_of(grouping, clusters), column, clusters)
        for part, rows in enumerate(grouping.members()):
            has = np.zeros(len(column))
            has[rows] = 1
            model = sm.OLS(column, sm.add_constant(has))
            fit = model.fit(cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False})
            images = clusters.max() + 1
            clustered = fit.bse[1] * np.sqrt(images / (images - 1))
            independent = np.sqrt(column.var() * (1 / len(rows) + 1 / (len(column) - len(rows))))
            assert inside[part] - outside[part] == pytest.approx(fit.params[1])
            assert error[part] == pytest.approx(max(clustered, independent), rel=1e-6)
            sides = len(set(clusters[has == 1])), len(set(clusters[has == 0]))
            assert fewer[part] == min(sides)


def test_a_small_part_that_all_says_the_same_is_not_sure_of_it() -> None:
    column = np.zeros(1000)
    column[:110] = 1
    clusters = np.arange(1000) // 2
    grouping = Grouping("x", ("never",), np.arange(980, 1000), np.zeros(20, int))
    inside, outside, error, _ = part_contrasts(parts_of(grouping, clusters), column, clusters)
    assert inside[0] == 0
    assert abs(inside[0] - outside[0]) < 2 * error[0]


def test_a_part_of_everything_has_no_contrast() -> None:
    grouping = Grouping("x", ("all",), np.arange(6), np.zeros(6, int))
    _, outside, error, _ = part_contrasts(parts_of(grouping, np.arange(6) // 2), np.ones(6), np.arange(6) // 2)
    assert np.isnan(outside).all()
    assert np.isnan(error).all()
