"""The exact test for few images: flip the sign of each image's difference, all ways there are or many of them.

If two arms are alike, each image could as well have had their difference the other way round. No shape of distribution
is assumed. Over several pairs the largest statistic is compared (Westfall and Young), which corrects for their number
and knows how they hang together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from microscope.evaluation.statistics.means import numbered, summed

# Up to so many images all ways are tried, about a million; beyond, so many at random.
EXACT_IMAGES, DRAWS = 20, 10_000
# Numbers held at a time, 8 bytes each.
CHUNK = 1 << 20
# Statistics are sums in different orders; those nearer than this are equal.
TIE = 1e-9


@dataclass(frozen=True)
class SignFlip:
    """By pair, shape (P,): |sum| / root of the sum of squares of the images' differences, and p-values.

    `p` is of each pair alone, `westfall_young` corrected for all of them.
    """

    statistic: np.ndarray
    p: np.ndarray
    westfall_young: np.ndarray


def sign_flip(
    scores: np.ndarray, clusters: np.ndarray, pairs: Sequence[tuple[int, int]], *, seed: int = 0
) -> SignFlip:
    """Test pairs (first, second) of scores, shape (n, K), whose items belong to clusters (images), shape (n,).

    Exact where at most 20 images show any difference; else by 10,000 random signs, drawn with `seed`, the data's own
    counted among them. With one item an image it equals `scipy.stats.permutation_test(permutation_type="samples")`.
    """
    index, count = numbered(np.asarray(clusters))
    scores = np.asarray(scores, np.float64)
    firsts, seconds = np.array(pairs, int).reshape(-1, 2).T
    sums = summed(scores, index, count)
    differences = sums[:, seconds] - sums[:, firsts]
    differences[np.abs(differences) < TIE] = 0.0
    length = np.sqrt((differences**2).sum(0))
    unit = differences / np.where(length > 0, length, 1.0)
    # An image without a difference has none the other way round.
    unit = unit[(unit != 0).any(1)]
    observed = np.abs(unit.sum(0))
    exact = len(unit) <= EXACT_IMAGES
    alone = np.zeros(len(firsts))
    together = np.zeros(len(firsts))
    total = 0
    for block in _every(unit) if exact else _drawn(unit, np.random.default_rng(seed)):
        np.abs(block, out=block)
        alone += (block >= observed - TIE).sum(0)
        largest = np.sort(block.max(1, initial=0.0))
        together += len(largest) - np.searchsorted(largest, observed - TIE)
        total += len(block)
    extra = 0 if exact else 1
    return SignFlip(observed, (alone + extra) / (total + extra), (together + extra) / (total + extra))


def _every(unit: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the sums under all signs of the images' values, shape (C, P), in blocks of shape (ways, P).

    All signs turned round give the same sizes, so that the first image keeps its own. Sums of the first and second
    half of the images are made once, and each of these is added to each of those.
    """
    if not len(unit):
        yield np.zeros((1, unit.shape[1]))
        return
    half = (len(unit) + 1) // 2
    first = _all_sums(unit[1:half], unit[:1])
    second = _all_sums(unit[half:], np.zeros_like(unit[:1]))
    step = max(1, CHUNK // max(1, first.size))
    for start in range(0, len(second), step):
        block = second[start : start + step, None] + first[None]
        yield block.reshape(-1, unit.shape[1])


def _all_sums(unit: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the sums of a start, shape (1, P), and values, shape (c, P), under all signs, shape (2 ** c, P)."""
    for row in unit:
        start = np.concatenate([start + row, start - row])
    return start


def _drawn(unit: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the sums under random signs of the images' values, shape (C, P), in blocks of shape (draws, P)."""
    images = max(1, len(unit))
    step = min(DRAWS, max(1, CHUNK // images))
    for start in range(0, DRAWS, step):
        signs = rng.integers(0, 2, (min(step, DRAWS - start), images), np.int8)
        yield signs.astype(np.float64) @ (2 * unit) - unit.sum(0)
