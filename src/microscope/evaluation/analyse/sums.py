"""Clustered means of many overlapping parts of a set at once; knows arrays alone.

What `statistics.choose` computes for one part, these compute for all parts of a grouping in a few passes: sums over
each pair of a part and a picture that occur together, never over parts times pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microscope.evaluation.analyse.groups import Grouping
from microscope.evaluation.statistics import FEW

# Sums of up to n squares of scores are off by less than this share of n.
ROUNDING_SHARE = 1e-9


@dataclass(frozen=True)
class Parts:
    """The pairs of a part and a picture that occur together, sorted by part: numbers of both, and how many items.

    `rows` are the items sorted by pair, `pair_starts` where each pair's begin, and `part_starts` where each part's
    pairs begin. `items` and `images` count each part's, shape (parts,).
    """

    part: np.ndarray
    image: np.ndarray
    count: np.ndarray
    rows: np.ndarray
    pair_starts: np.ndarray
    part_starts: np.ndarray
    items: np.ndarray
    images: np.ndarray

    def sums(self, column: np.ndarray) -> np.ndarray:
        """Return the sums of a column, shape (n,), over each pair."""
        return np.add.reduceat(column[self.rows], self.pair_starts)

    def over_parts(self, weights: np.ndarray) -> np.ndarray:
        """Return the sums of numbers of pairs over each part."""
        return np.add.reduceat(weights, self.part_starts)


def parts_of(grouping: Grouping, clusters: np.ndarray) -> Parts:
    """Return the pairs of a grouping's parts and the pictures, shape (n,), of its items; every part has an item."""
    width = int(clusters.max()) + 1
    keys, rows = grouping.codes * width + clusters[grouping.items], grouping.items
    # Items of one picture mostly stand together, and keys are then in order already.
    if (np.diff(keys) < 0).any():
        order = np.argsort(keys, kind="stable")
        keys, rows = keys[order], rows[order]
    pair_starts = np.flatnonzero(np.diff(keys, prepend=-1))
    part = keys[pair_starts] // width
    count = np.diff(pair_starts, append=len(keys)).astype(np.float64)
    part_starts = np.flatnonzero(np.diff(part, prepend=-1))
    images = np.diff(part_starts, append=len(part))
    return Parts(part, keys[pair_starts] % width, count, rows, pair_starts, part_starts, grouping.sizes, images)


def part_means(parts: Parts, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of a column in each part and its standard error, both of shape (parts,).

    CR1, and CR3 under `FEW` pictures, as for the whole set; NaN where fewer than two pictures have a part.
    """
    sums = parts.sums(column)
    mean = parts.over_parts(sums) / parts.items
    deviations = sums - mean[parts.part] * parts.count
    images, items = parts.images.astype(np.float64), parts.items.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        many = images / (images - 1) * parts.over_parts(deviations**2) / items**2
        without = deviations / (items[parts.part] - parts.count)
        without -= (parts.over_parts(without) / images)[parts.part]
        few = (images - 1) / images * parts.over_parts(without**2)
    variance = np.where(images < FEW, few, many)
    return mean, np.sqrt(np.where(images > 1, variance, np.nan))


def part_contrasts(parts: Parts, column: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the mean of a column in each part, outside it, their difference's error, and the smaller side's pictures.

    All have shape (parts,). Pictures that have items on both sides count once, with the sum of what they say. The
    error is CR1's, but never less than that of independent items drawn from all: a small part in which every item says
    the same has no spread of its own, and proves little. NaN where a side has fewer than two pictures or no item.
    """
    count = len(column)
    total = np.bincount(clusters, weights=column)
    sizes = np.bincount(clusters).astype(np.float64)
    sums = parts.sums(column)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = parts.over_parts(sums) / parts.items
        outside = (column.sum() - parts.over_parts(sums)) / (count - parts.items)
        part, image = parts.part, parts.image
        within = (sums - inside[part] * parts.count) / parts.items[part]
        beyond = (total[image] - sums) - outside[part] * (sizes[image] - parts.count)
        beyond /= (count - parts.items)[part]
        # Pictures without an item in the part: of all pictures, less those that have one.
        alone = (total**2).sum() - 2 * outside * (total * sizes).sum() + outside**2 * (sizes**2).sum()
        alone -= parts.over_parts((total[image] - outside[part] * sizes[image]) ** 2)
        # What is left of large sums that cancel is rounding.
        alone = np.where(alone > ROUNDING_SHARE * count, alone, 0) / (count - parts.items) ** 2
        images = float(len(total))
        clustered = images / (images - 1) * (parts.over_parts((within - beyond) ** 2) + alone)
        independent = column.var() * (1 / parts.items + 1 / (count - parts.items))
        variance = np.maximum(clustered, independent)
    fewer = np.minimum(parts.images, _images_outside(parts, sizes)).astype(np.int64)
    return inside, outside, np.sqrt(np.where(fewer > 1, variance, np.nan)), fewer


def _images_outside(parts: Parts, sizes: np.ndarray) -> np.ndarray:
    """Return how many pictures have an item outside each part."""
    whole = parts.count == sizes[parts.image]
    return len(sizes) - parts.over_parts(whole)
