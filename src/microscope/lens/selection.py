"""Which image tokens are rejected: the best kept by a map, at random, or drawn by hand; knows no page and no model.

The page ranks and counts by the same rules: by value descending, ties by the lower index, and of the cells that have
a place the best `budget` share, rounded up, is kept. A cell without a place is always kept.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from microscope.errors import UserError
from microscope.lens.layout import Layout

# Shares that a slider sends are not exact: 7 % of 100 cells are 7 cells, though 0.07 * 100 is a little more.
_SLACK = 1e-9


@dataclass(frozen=True)
class Rule:
    """A way to choose what is kept: its key, and what people call it."""

    key: str
    label: str


MAP = Rule("map", "best by the map shown")
VISION = Rule("vision", "best by attention in the vision tower")
RANDOM = Rule("random", "random")
DRAWN = Rule("drawn", "drawn by hand")
RULES = (MAP, VISION, RANDOM, DRAWN)


@dataclass(frozen=True)
class Selection:
    """The cells that are rejected, ascending, and the key of the rule that chose them."""

    rule: str
    rejected: tuple[int, ...]


def ranked(values: np.ndarray) -> np.ndarray:
    """Return indices from the highest value to the lowest; ties by the lower index, NaN last."""
    return np.argsort(-np.asarray(values, np.float64), kind="stable")


def keep_best(layout: Layout, values: np.ndarray, budget: float, rule: str) -> Selection:
    """Return what is rejected when the best cells are kept, by their values: a `budget` share of those with a place.

    Raises `UserError` where the share is none, or leaves nothing to reject.
    """
    if not 0 < budget <= 1:
        raise UserError(f"A share of {budget:g} of the image tokens cannot be kept: choose more than 0 and at most 1.")
    if len(values) != len(layout.cells):
        raise ValueError(f"{len(values)} values for {len(layout.cells)} cells")
    placed = set(layout.boxed)
    order = [index for index in ranked(values).tolist() if index in placed]
    kept = math.ceil(budget * len(order) - _SLACK)
    return select(layout, order[kept:], rule)


def select(layout: Layout, rejected: Iterable[int], rule: str) -> Selection:
    """Return a selection of these cells; raises `UserError` where it rejects nothing, or everything that has a place.

    Cells without a place are left out of it.
    """
    placed = layout.boxed
    if not placed:
        raise UserError("No image token of this model has a place on the picture, so that none can be rejected.")
    chosen = tuple(sorted(set(rejected) & set(placed)))
    if not chosen:
        raise UserError(
            "Nothing is rejected yet: keep a smaller share of the image tokens, or draw over some of them."
        )
    if len(chosen) == len(placed):
        raise UserError("Every image token is rejected: keep a larger share of them, or erase some of what is drawn.")
    return Selection(rule, chosen)


def random_order(layout: Layout, seed: int) -> np.ndarray:
    """Return the rank of each cell in a random order, the same for the same seed; those without a place come last.

    The values to give `keep_best` are the ranks, negated.
    """
    boxless = [cell.box is None for cell in layout.cells]
    drawn = [hashlib.sha256(f"{seed}:{index}".encode()).digest() for index in range(len(layout.cells))]
    order = sorted(range(len(layout.cells)), key=lambda index: (boxless[index], drawn[index]))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    return ranks
