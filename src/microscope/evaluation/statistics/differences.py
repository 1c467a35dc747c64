"""Differences of arms on the same items, with interval and p-value, and whether one is no worse than another.

Where every image says the same of a difference it has no spread, and Student's t would be sure of anything. Then the
exact bound speaks: where C images are alike, a share tail ** (1 / C) of all is at least, and the others are anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import stdtr

from microscope.evaluation.statistics.intervals import checked_level, t_quantile
from microscope.evaluation.statistics.means import EQUAL, FEWEST_FOR_P, Means


@dataclass(frozen=True)
class Difference:
    """The mean of arm `second` less that of arm `first` (numbers of columns), in units of the score.

    `t` is the difference over its error `se` (infinite where a difference has no error), `df` images less one, `p`
    two-sided: None under six images.
    """

    first: int
    second: int
    difference: float
    se: float
    low: float
    high: float
    t: float
    df: int
    p: float | None


@dataclass(frozen=True)
class NonInferiority:
    """Whether a difference is above minus a margin: its lower one-sided bound, and the p-value of "it is not".

    Under six images it is not said to hold, whatever the bound, and p is None.
    """

    bound: float
    holds: bool
    p: float | None


def differences(
    means: Means, which: Sequence[tuple[int, int]] | None = None, level: float = 0.95
) -> tuple[Difference, ...]:
    """Return the differences of the pairs (first, second) asked for, or of all pairs with first before second.

    Scores lie in [0, 1]. Equals `OLS(d, 1).fit(cov_type="cluster", use_t=True)` of statsmodels on each pair's d, and
    `scipy.stats.ttest_rel` where each image has one item. A difference of 0 without spread has p = 1; another without
    spread has the p-value of the exact sign test, 2 ** (1 - C).
    """
    pairs = list(combinations(range(len(means.mean)), 2)) if which is None else [(int(i), int(j)) for i, j in which]
    if not pairs:
        return ()
    rows, (firsts, seconds) = np.arange(len(pairs)), np.array(pairs).T
    weights = np.zeros((len(pairs), len(means.mean)))
    weights[rows, seconds] += 1
    weights[rows, firsts] -= 1
    values, errors = means.contrasts(weights)
    count, df = means.clusters, means.clusters - 1
    spread = errors > 0
    t = np.where(np.abs(values) <= EQUAL, 0.0, np.copysign(np.inf, values))
    np.divide(values, errors, out=t, where=spread)
    p = np.where(spread, 2 * stdtr(df, -np.abs(t)), np.where(np.isinf(t), 2.0**-df, 1.0))
    tail = (1 - checked_level(level)) / 2
    low, high = values - _reach(values, errors, count, tail), values + _reach(-values, errors, count, tail)
    columns = np.stack([values, errors, low, high, t, p], axis=1).tolist()
    return tuple(
        Difference(i, j, value, se, below, above, ratio, df, chance if count >= FEWEST_FOR_P else None)
        for (i, j), (value, se, below, above, ratio, chance) in zip(pairs, columns, strict=True)
    )


def non_inferior(difference: float, se: float, clusters: int, margin: float, level: float = 0.95) -> NonInferiority:
    """Tell whether a difference of scores in [0, 1] is above `-margin`, by its lower one-sided bound of that level.

    Its p-value equals `ttest_1samp(d, -margin, alternative="greater")` of scipy.stats where each image has one item.
    Raises `ValueError` for a margin outside [0, 1].
    """
    if not 0 <= margin <= 1:
        raise ValueError(f"a margin of {margin:g} is not between 0 and 1")
    bound = difference - float(_reach(np.array([difference]), np.array([se]), clusters, 1 - checked_level(level))[0])
    if clusters < FEWEST_FOR_P:
        return NonInferiority(bound, holds=False, p=None)
    if se > 0:
        p = float(stdtr(clusters - 1, -(difference + margin) / se))
    else:
        # The share at which the bound of images that are all alike comes to minus the margin.
        p = ((1 - margin) / (1 + difference)) ** clusters if difference > -margin else 1.0
    return NonInferiority(bound, bound > -margin, p)


def _reach(values: np.ndarray, errors: np.ndarray, clusters: int, tail: float) -> np.ndarray:
    """Return how far below the values, shape (P,), the bounds lie that leave out a tail."""
    student = t_quantile(clusters, 1 - tail) * errors
    # Images alike have the value; at worst the others, of a share that the data cannot exclude, have -1.
    others = 1 - tail ** (1 / clusters)
    return np.where(errors > 0, student, others * (1 + values))
