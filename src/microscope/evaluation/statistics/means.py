"""Means of scores whose items share images, and the covariance of those means; knows no test.

Questions about one image rise and fall together, so that images count, and not questions: sums of each image's
deviations give the covariance. CR1, with C images, is C / (C - 1) times their mean square; CR3 leaves out one image at
a time, and is the safer one where images are few. Where each image has one question, both lead to the paired t.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Correction = Literal["CR1", "CR3"]

# There is no spread among fewer images than this.
FEWEST_CLUSTERS = 2
# An exact test of C images cannot go below 2 ** (1 - C), which with fewer than six is above 5 %: no p-value is given.
FEWEST_FOR_P = 6
# Under so many images CR1 is a little too sure of itself, and `choose` takes CR3.
FEW = 15

# A variance is a difference of sums that are larger; what is below this share of them is rounding, and so is a
# standard error (of scores about 1) that is below the other.
ROUNDING_SHARE, ROUNDING_ERROR = 1e-13, 1e-13
# Means (of scores about 1) that are nearer than this are equal.
EQUAL = 1e-12


@dataclass(frozen=True)
class Means:
    """Mean scores of K arms, shape (K,), their covariance, shape (K, K), and the number of clusters (images).

    `items` is how many rows were averaged (0: unknown), `correction` how the covariance was made.
    """

    mean: np.ndarray
    covariance: np.ndarray
    clusters: int
    items: int = 0
    correction: str = "CR1"

    def contrast(self, weights: np.ndarray) -> tuple[float, float]:
        """Return a weighted sum of the means, weights of shape (K,), and its standard error, in units of the score.

        (-1, 1) is the second less the first. Equals a `t_test` of statsmodels on `OLS.fit(cov_type="cluster")`.
        """
        values, errors = self.contrasts(np.asarray(weights, np.float64)[None])
        return float(values[0]), float(errors[0])

    def contrasts(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return many weighted sums at once: weights of shape (P, K), values and standard errors of shape (P,).

        Of two arms that agree everywhere the difference has an error of exactly 0, whatever rounding leaves.
        """
        weights = np.asarray(weights, np.float64)
        variance = ((weights @ self.covariance) * weights).sum(1)
        largest = (np.abs(weights) @ np.sqrt(np.diag(self.covariance).clip(0))) ** 2
        some = variance > ROUNDING_SHARE * largest + ROUNDING_ERROR**2
        return weights @ self.mean, np.sqrt(np.where(some, variance, 0.0))


def clustered(scores: np.ndarray, clusters: np.ndarray, correction: Correction = "CR1") -> Means:
    """Return mean and covariance of scores, shape (items, K), whose items belong to clusters, shape (items,).

    CR1 equals `inspect_ai.scorer.stderr(cluster=)`, and `OLS(x, 1).fit(cov_type="cluster")` of statsmodels with its
    correction; CR3 is the jackknife that leaves out one image at a time. Clusters are told apart by any values that
    can be sorted. Raises `ValueError` where there are fewer than two, where lengths differ, or where a score is not
    finite.
    """
    scores = np.asarray(scores, np.float64)
    clusters = np.asarray(clusters)
    if scores.ndim != 2 or clusters.shape != scores.shape[:1]:  # noqa: PLR2004 (items and arms)
        raise ValueError(f"scores of {scores.shape} do not fit clusters of {clusters.shape}")
    if correction not in ("CR1", "CR3"):
        raise ValueError(f"there is no correction {correction!r}; take CR1 or CR3")
    index, count = numbered(clusters)
    if count < FEWEST_CLUSTERS:
        raise ValueError(f"{count} clusters have no spread; it takes {FEWEST_CLUSTERS}")
    mean = scores.mean(0)
    if not np.isfinite(mean).all():
        raise ValueError("a score is not a finite number")
    sums = summed(scores - mean, index, count)
    if correction == "CR1":
        covariance = count / (count - 1) * (sums.T @ sums) / len(scores) ** 2
    else:
        # The mean without an image is off the mean of all by minus its sum of deviations over the items left.
        left = sums / (len(scores) - np.bincount(index, minlength=count))[:, None]
        left -= left.mean(0)
        covariance = (count - 1) / count * (left.T @ left)
    return Means(mean, covariance, count, len(scores), correction)


def choose(scores: np.ndarray, clusters: np.ndarray) -> Means:
    """Return `clustered` with the correction that suits the number of images: CR3 under `FEW`, and CR1 from there."""
    _, count = numbered(np.asarray(clusters))
    return clustered(scores, clusters, "CR3" if count < FEW else "CR1")


def numbered(clusters: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the number of each item's cluster, counted from 0, shape (items,), and how many clusters there are."""
    names, index = np.unique(clusters, return_inverse=True)
    return index, len(names)


def summed(values: np.ndarray, index: np.ndarray, count: int) -> np.ndarray:
    """Return the sums of values, shape (items, K), within each of `count` clusters, shape (count, K)."""
    sums = np.empty((count, values.shape[1]))
    for column, found in zip(values.T, sums.T, strict=True):
        found[:] = np.bincount(index, column, count)
    return sums
