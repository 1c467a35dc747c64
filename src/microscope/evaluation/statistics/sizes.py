"""How large a difference is, in units that compare across sets, and what sharing images costs; knows no test.

What is undefined, for want of any spread, is None.
"""

from __future__ import annotations

import math

import numpy as np

from microscope.evaluation.statistics.means import FEWEST_CLUSTERS, ROUNDING_ERROR, clustered, numbered, summed


def cohens_h(p_first: float, p_second: float) -> float:
    """Return Cohen's h of two shares, from -pi to pi: positive where the second is larger.

    Equals `proportion_effectsize(p_second, p_first)` of statsmodels.
    """
    if not (0 <= p_first <= 1 and 0 <= p_second <= 1):
        raise ValueError(f"{p_first:g} and {p_second:g} are not both shares")
    return 2 * (math.asin(math.sqrt(p_second)) - math.asin(math.sqrt(p_first)))


def cohens_dz(d: np.ndarray) -> float | None:
    """Return the mean of differences, shape (n,), over their standard deviation; items count, not images.

    Equals `ttest_1samp(d, 0).statistic / sqrt(n)` of scipy.stats.
    """
    d = np.asarray(d, np.float64)
    deviation = _deviation(d)
    return float(d.mean()) / deviation if deviation else None


def cohens_d(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return the second's mean less the first's over the standard deviation of scores, shape (n,) each, pooled.

    Equals `pingouin.compute_effsize(second, first, eftype="cohen")`.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    pooled = math.sqrt((_deviation(first) ** 2 + _deviation(second) ** 2) / 2)
    return float(second.mean() - first.mean()) / pooled if pooled else None


def design_effect(d: np.ndarray, clusters: np.ndarray) -> float | None:
    """Return how many times larger sharing images makes the variance of the mean of values d, shape (n,).

    It is the clustered (CR1) variance over the naive one: items are worth n / design effect independent ones. None
    where there is one image, or no spread.
    """
    d = np.asarray(d, np.float64)
    deviation = _deviation(d)
    if not deviation or numbered(np.asarray(clusters))[1] < FEWEST_CLUSTERS:
        return None
    _, error = clustered(d[:, None], clusters).contrast(np.ones(1))
    return len(d) * (error / deviation) ** 2


def icc(d: np.ndarray, clusters: np.ndarray) -> float | None:
    """Return the intraclass correlation of values d, shape (n,), within clusters, by the analysis of variance.

    At most 1; below 0 where values of one image differ more than those of several. None where every image has one
    item, where there is one image, or no spread. Equals ICC(1) of R's `ICC::ICCest`, for images of unequal sizes.
    """
    d = np.asarray(d, np.float64)
    index, count = numbered(np.asarray(clusters))
    n = len(d)
    if count < FEWEST_CLUSTERS or count == n or not _deviation(d):
        return None
    sizes = np.bincount(index)
    means = summed(d[:, None], index, count)[:, 0] / sizes
    between = float((sizes * (means - d.mean()) ** 2).sum()) / (count - 1)
    within = float(((d - means[index]) ** 2).sum()) / (n - count)
    usual = (n - float((sizes**2).sum()) / n) / (count - 1)
    return (between - within) / (between + (usual - 1) * within)


def _deviation(values: np.ndarray) -> float:
    """Return the standard deviation; exactly 0 where rounding alone is left."""
    found = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return found if found > ROUNDING_ERROR else 0.0
