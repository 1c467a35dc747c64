"""Means whose items share images, and honest intervals; knows arrays alone, no item, checkpoint or answer.

Questions about one image rise and fall together, so that images count, and not questions: sums of each image's
deviations give the covariance (CR1, with C images C / (C - 1) times their mean square), and Student's t with C - 1
degrees of freedom the interval. Where each image has one question, this is the paired t.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

FEWEST_CLUSTERS = 2


@dataclass(frozen=True)
class Means:
    """Mean scores of K checkpoints, shape (K,), their covariance, shape (K, K), and the number of clusters."""

    mean: np.ndarray
    covariance: np.ndarray
    clusters: int

    def contrast(self, weights: np.ndarray) -> tuple[float, float]:
        """Return a weighted sum of the means and its standard error; (-1, 1) is the second less the first."""
        variance = float(weights @ self.covariance @ weights)
        # Of two that agree everywhere the difference has none, but for rounding.
        return float(weights @ self.mean), max(variance, 0.0) ** 0.5


def clustered(scores: np.ndarray, clusters: np.ndarray) -> Means:
    """Return mean and covariance of scores, shape (items, K), whose items belong to clusters, shape (items,).

    Clusters are told apart by any values that can be sorted. Raises `ValueError` where there are fewer than two, where
    lengths differ, or where a score is not finite.
    """
    scores = np.asarray(scores, np.float64)
    names, index = np.unique(clusters, return_inverse=True)
    if scores.ndim != 2 or np.shape(clusters) != scores.shape[:1]:  # noqa: PLR2004 (items and checkpoints)
        raise ValueError(f"scores of {scores.shape} do not fit clusters of {np.shape(clusters)}")
    if not np.isfinite(scores).all():
        raise ValueError("a score is not a finite number")
    count = len(names)
    if count < FEWEST_CLUSTERS:
        raise ValueError(f"{count} clusters have no spread; it takes {FEWEST_CLUSTERS}")
    mean = scores.mean(0)
    sums = np.zeros((count, scores.shape[1]))
    np.add.at(sums, index, scores - mean)
    return Means(mean, count / (count - 1) * sums.T @ sums / len(scores) ** 2, count)


def interval(mean: float, se: float, clusters: int, level: float = 0.95) -> tuple[float, float]:
    """Return the two-sided interval of a mean by its standard error, by Student's t with `clusters - 1` degrees."""
    if clusters < FEWEST_CLUSTERS or not 0 < level < 1:
        raise ValueError(f"there is no interval of level {level:g} for {clusters} clusters")
    reach = float(stdtrit(clusters - 1, (1 + level) / 2)) * se
    return mean - reach, mean + reach
