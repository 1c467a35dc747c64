"""Means and differences with their intervals, as the analysis holds them; a thin layer over the statistics.

What too few pictures carry has no interval, and under six of them no p-value.
"""

from __future__ import annotations

import numpy as np
from scipy.special import stdtr

from microscope.evaluation.analysis import Estimate
from microscope.evaluation.statistics import FEWEST_CLUSTERS, FEWEST_FOR_P, Means, differences, interval, wilson
from microscope.evaluation.statistics.means import ROUNDING_ERROR


def score(mean: float, se: float, items: int, images: int, level: float, *, binary: bool) -> Estimate:
    """Return a mean score with its interval within [0, 1]: Wilson's for scores of 0 and 1, else Student's t."""
    if images < FEWEST_CLUSTERS or not np.isfinite(se):
        return Estimate(mean)
    # A mean of numbers up to 1 may come out a rounding error above it.
    mean = min(max(mean, 0.0), 1.0)
    # Without any spread, Student's t would be sure of everything; Wilson then counts the pictures.
    if binary or se <= ROUNDING_ERROR:
        low, high = wilson(mean, se, items if se > ROUNDING_ERROR else images, images, level)
    else:
        low, high = interval(mean, se, images, level)
    return Estimate(mean, max(low, 0.0), min(high, 1.0))


def difference(value: float, se: float, images: int, level: float) -> tuple[Estimate, float | None]:
    """Return a difference of shares with its interval within -1 and 1, and its p-value, by its standard error.

    A p-value is None under six pictures; without spread both are the exact ones of `statistics.differences`.
    """
    if images < FEWEST_CLUSTERS or not np.isfinite(se):
        return Estimate(value), None
    means = Means(np.array([0.0, value]), np.diag([0.0, se**2]), images)
    found = differences(means, level=level)[0]
    return within(value, found.low, found.high), found.p


def within(value: float, low: float, high: float) -> Estimate:
    """Return a difference of shares whose interval leaves out what cannot be."""
    return Estimate(value, max(low, -1.0), min(high, 1.0))


def p_values(values: np.ndarray, errors: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return the p-values of many differences, each with its own number of pictures, all of shape (m,).

    NaN where there are fewer than six, or no error. Equals `difference` for each.
    """
    df = np.maximum(images - 1, 1)
    spread = errors > ROUNDING_ERROR
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 2 * stdtr(df, -np.abs(values / errors))
    alike = np.where(np.abs(values) <= ROUNDING_ERROR, 1.0, 2.0 ** -df.astype(np.float64))
    found = np.where(spread, found, alike)
    return np.where((images >= FEWEST_FOR_P) & np.isfinite(errors), found, np.nan)


def optional(p: float) -> float | None:
    """Return a p-value, or None for NaN."""
    return None if np.isnan(p) else float(p)
