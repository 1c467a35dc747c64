"""Tests of all arms being equal: on means whose items share images, and Cochran's, for images of one item each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, fdtrc

from microscope.evaluation.statistics.means import FEWEST_FOR_P, ROUNDING_ERROR, Means

# Eigenvalues of a covariance below this share of its largest are rounding.
RANK_SHARE = 1e-10


@dataclass(frozen=True)
class FTest:
    """F with its degrees of freedom and p-value; p is None where there are too few images for one."""

    f: float
    df1: int
    df2: int
    p: float | None


@dataclass(frozen=True)
class CochransQ:
    """Q with its degrees of freedom and p-value."""

    q: float
    df: int
    p: float


def equal_all(means: Means) -> FTest:
    """Return the test that all K means are equal: Hotelling's F on the differences from the first.

    With q = K - 1 and C images, F = (C - q) / ((C - 1) q) mu' V^-1 mu has q and C - q degrees of freedom. Arms that
    agree everywhere add nothing: q is the rank of V. Equals Hotelling's scaling of the `wald_test` of statsmodels with
    cluster covariance. F is infinite, and has no p, where arms differ without any spread, or are more than images.
    """
    base, *others = np.eye(len(means.mean))
    contrasts = np.array([other - base for other in others]).reshape(-1, len(means.mean))
    mean, covariance = contrasts @ means.mean, contrasts @ means.covariance @ contrasts.T
    values, vectors = np.linalg.eigh(covariance)
    least = max(RANK_SHARE * values.max(initial=0.0), ROUNDING_ERROR**2)
    kept = values > least
    rank, count = int(kept.sum()), means.clusters
    inside = vectors[:, kept].T @ mean
    outside = vectors[:, ~kept].T @ mean
    # Scores are about 1, so that what is left outside is a difference, and no rounding, from here on.
    sure = bool((np.abs(outside) > RANK_SHARE).any())
    if rank == 0 and not sure:
        return FTest(0.0, 0, count, 1.0 if count >= FEWEST_FOR_P else None)
    if sure:
        return FTest(float("inf"), len(others), max(count - len(others), 0), None)
    wald = float((inside**2 / values[kept]).sum())
    df2 = count - rank
    f = df2 / ((count - 1) * rank) * wald
    return FTest(f, rank, df2, float(fdtrc(rank, df2, f)) if count >= FEWEST_FOR_P else None)


def cochrans_q(scores: np.ndarray) -> CochransQ:
    """Test that K arms are right equally often, by verdicts, 0 or 1, shape (n, K), on independent items.

    The familiar number where every image has one item. Equals `cochrans_q` of statsmodels, and
    `friedmanchisquare(*scores.T)` of scipy.stats. Raises `ValueError` where a score is neither 0 nor 1.
    """
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 2 or not np.isin(scores, (0, 1)).all():  # noqa: PLR2004 (items and arms)
        raise ValueError("verdicts are 0 or 1, items by arms")
    arms, df = scores.shape[1], scores.shape[1] - 1
    right, by_item = scores.sum(0), scores.sum(1)
    spread = float((by_item * (arms - by_item)).sum())
    if not spread:
        return CochransQ(0.0, df, 1.0)
    q = arms * df * float(((right - right.mean()) ** 2).sum()) / spread
    return CochransQ(q, df, float(chdtrc(df, q)))
