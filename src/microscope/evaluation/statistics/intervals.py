"""Intervals of one mean: Student's t, Wilson for clustered shares, Clopper-Pearson; knows numbers alone."""

from __future__ import annotations

import math

from scipy.special import betaincinv, stdtrit

from microscope.evaluation.statistics.means import FEWEST_CLUSTERS


def interval(mean: float, se: float, clusters: int, level: float = 0.95) -> tuple[float, float]:
    """Return the two-sided interval of a mean by its standard error, by Student's t with `clusters - 1` degrees.

    Equals `inspect_ai.scorer.ci(cluster=)`. Raises `ValueError` for fewer than two clusters or a level outside (0, 1).
    """
    reach = t_quantile(clusters, (1 + checked_level(level)) / 2) * se
    return mean - reach, mean + reach


def wilson(mean: float, se: float, items: int, clusters: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a mean of scores in [0, 1], with the sample size that its clustered error is worth.

    That size (Korn and Graubard) is mean (1 - mean) / se squared, at most `items`, and `items` where the mean is 0 or
    1 or the error 0; the quantile is Student's with `clusters - 1` degrees. For scores between 0 and 1 the interval is
    a little wide. Equals `inspect_ai.scorer.ci_wilson(cluster=)`. Raises `ValueError` for a mean outside [0, 1] or no
    items.
    """
    if not 0 <= mean <= 1 or items < 1:
        raise ValueError(f"a share of {mean:g} of {items} items has no interval")
    critical = t_quantile(clusters, (1 + checked_level(level)) / 2)
    spread = mean * (1 - mean)
    size = min(spread / se**2, items) if spread > 0 and se > 0 else items
    shrink = 1 + critical**2 / size
    centre = (mean + critical**2 / (2 * size)) / shrink
    reach = critical * math.sqrt(spread / size + (critical / (2 * size)) ** 2) / shrink
    return max(centre - reach, 0.0), min(centre + reach, 1.0)


def clopper_pearson(wins: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a share of `wins` in `n` independent trials; (0, 1) for none.

    Equals `binomtest(wins, n).proportion_ci(level)` of scipy.stats.
    """
    if not 0 <= wins <= n:
        raise ValueError(f"{wins} of {n} is no share")
    tail = (1 - checked_level(level)) / 2
    low = float(betaincinv(wins, n - wins + 1, tail)) if wins else 0.0
    high = float(betaincinv(wins + 1, n - wins, 1 - tail)) if wins < n else 1.0
    return low, high


def t_quantile(clusters: int, share: float) -> float:
    """Return the quantile of Student's t with `clusters - 1` degrees, as `scipy.stats.t.ppf(share, clusters - 1)`."""
    if clusters < FEWEST_CLUSTERS:
        raise ValueError(f"there is no interval for {clusters} clusters; it takes {FEWEST_CLUSTERS}")
    return float(stdtrit(clusters - 1, share))


def checked_level(level: float) -> float:
    """Return a level (or a power); raises `ValueError` where it is not strictly between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"there is no interval of level {level:g}; it lies between 0 and 1, as 0.95")
    return level
