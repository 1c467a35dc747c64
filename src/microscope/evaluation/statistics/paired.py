"""Two arms that are right or wrong on the same independent items: McNemar, Newcombe, Tango, discordant odds.

These are the familiar numbers where every image has one item; with several, they are too sure of themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, ndtri

from microscope.evaluation.statistics.intervals import checked_level, clopper_pearson

# A bisection of an interval of length 2 is at a double's precision after so many halvings.
HALVINGS = 60


@dataclass(frozen=True)
class McNemar:
    """How many items only the first and only the second has right, and two-sided p-values of their being alike."""

    first_only: int
    second_only: int
    exact_p: float
    mid_p: float


@dataclass(frozen=True)
class Odds:
    """How many items only the second has right for each that only the first has: NaN without any, with interval."""

    value: float
    low: float
    high: float


def mcnemar(first: np.ndarray, second: np.ndarray) -> McNemar:
    """Test two arms' verdicts, 0 or 1, shape (n,) each, by the items that one alone has right.

    The exact p equals `mcnemar(table, exact=True)` of statsmodels and `binomtest(b, b + c)` of scipy.stats; the mid-p
    is less by the chance of what was seen, and 1 where each alone is right equally often. Raises `ValueError` where a
    score is neither 0 nor 1.
    """
    _, first_only, second_only, _ = table(first, second)
    fewer, discordant = min(first_only, second_only), first_only + second_only
    if first_only == second_only:
        return McNemar(first_only, second_only, 1.0, 1.0)
    # Both tails; with unequal counts they cannot overlap.
    exact = 2 * float(bdtr(fewer, discordant, 0.5))
    below = 2 * float(bdtr(fewer - 1, discordant, 0.5)) if fewer else 0.0
    return McNemar(first_only, second_only, min(exact, 1.0), (exact + below) / 2)


def odds(first: np.ndarray, second: np.ndarray, level: float = 0.95) -> Odds:
    """Return the discordant odds of verdicts, 0 or 1, shape (n,) each, with the exact interval of Clopper and Pearson.

    They are the conditional odds ratio; the interval equals p / (1 - p) of `binomtest(c, b + c).proportion_ci()`.
    """
    _, first_only, second_only, _ = table(first, second)
    low, high = clopper_pearson(second_only, first_only + second_only, level)
    value = second_only / first_only if first_only else (math.inf if second_only else math.nan)
    return Odds(value, low / (1 - low), high / (1 - high) if high < 1 else math.inf)


def newcombe(first: np.ndarray, second: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of the second's share right less the first's, by Newcombe's method 10 (1998).

    Verdicts are 0 or 1, shape (n,) each. Equals `confint_proportions_paired(method="newcomb")` of statsmodels after
    0.15.
    """
    both, first_only, second_only, neither = table(first, second)
    n = both + first_only + second_only + neither
    z = float(ndtri((1 + checked_level(level)) / 2))
    one, two = (both + first_only) / n, (both + second_only) / n
    low_one, high_one = _wilson(one, n, z)
    low_two, high_two = _wilson(two, n, z)
    product: float = both * neither - first_only * second_only
    if product > 0:
        # A correction for continuity, as published, for positive correlation alone.
        product = max(product - n / 2, 0)
    margins = n**4 * one * (1 - one) * two * (1 - two)
    phi = product / math.sqrt(margins) if margins > 0 else 0.0

    def reach(a: float, b: float) -> float:
        return math.sqrt(max(a * a - 2 * phi * a * b + b * b, 0.0))

    return two - one - reach(two - low_two, high_one - one), two - one + reach(high_two - two, one - low_one)


def tango(first: np.ndarray, second: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of the second's share right less the first's, by Tango's score test (1998).

    Verdicts are 0 or 1, shape (n,) each. Equals `confint_proportions_paired(method="tango")` of statsmodels after
    0.15.
    """
    both, first_only, second_only, neither = table(first, second)
    n = both + first_only + second_only + neither
    z = float(ndtri((1 + checked_level(level)) / 2))
    return _tango_low(second_only, first_only, n, z), -_tango_low(first_only, second_only, n, z)


def table(first: np.ndarray, second: np.ndarray) -> tuple[int, int, int, int]:
    """Return how many items both have right, the first alone, the second alone, and neither.

    Raises `ValueError` where verdicts differ in shape, are none, or are neither 0 nor 1.
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.ndim != 1 or first.shape != second.shape or not len(first):
        raise ValueError(f"verdicts of {first.shape} and {second.shape} are no pairs")
    if not (np.isin(first, (0, 1)).all() and np.isin(second, (0, 1)).all()):
        raise ValueError("a verdict is neither 0 nor 1")
    one, two = first == 1, second == 1
    both, either = int((one & two).sum()), int((one | two).sum())
    return both, int(one.sum()) - both, int(two.sum()) - both, len(one) - either


def _wilson(share: float, n: int, z: float) -> tuple[float, float]:
    centre, reach = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    return max((centre - reach) / (1 + z * z / n), 0.0), min((centre + reach) / (1 + z * z / n), 1.0)


def _tango_low(gained: int, lost: int, n: int, z: float) -> float:
    """Return the difference below the one found at which the score statistic comes to z."""
    found = (gained - lost) / n
    low, high = -1.0, found
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        # The likeliest share of items lost, if this were the difference.
        half = (2 * n - gained + lost) * middle - gained - lost
        root = math.sqrt(max(half * half + 8 * n * lost * middle * (1 - middle), 0.0))
        variance = (root - half) / (2 * n) + middle * (1 - middle)
        if n * (found - middle) > z * math.sqrt(max(n * variance, 0.0)):
            low = middle
        else:
            high = middle
    return (low + high) / 2
