"""Contrasts of an ablation in which every level of every factor meets every other; knows names of levels alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np


@dataclass(frozen=True)
class Contrast:
    """What one factor does, or how two of them interact: `Means.contrast(weights)` is its size.

    `factors` has the numbers of one factor or two, `levels` the pair (from, to) for each, `weights`, shape (K,), the
    arms' parts. A main effect is the mean at `to` less that at `from`, over all levels of the others. An interaction
    is the effect of the first factor at the second's `to`, less its effect at the second's `from`.
    """

    factors: tuple[int, ...]
    levels: tuple[tuple[str, str], ...]
    weights: np.ndarray


def factorial(levels: Sequence[Sequence[str]]) -> tuple[Contrast, ...]:
    """Return main effects, then two-way interactions, for arms given by their levels: K rows of one level a factor.

    Each level is held against the first of its factor, which is that of the first arm. Several arms of the same levels
    (seeds) are averaged. Raises `ValueError` where rows differ in length, a factor has one level, or one of the
    combinations has no arm.
    """
    rows = [tuple(row) for row in levels]
    count = len(rows[0]) if rows else 0
    if not count or any(len(row) != count for row in rows):
        raise ValueError("give each arm one level of each factor, and at least one factor")
    names = [list(dict.fromkeys(row[factor] for row in rows)) for factor in range(count)]
    for factor, found in enumerate(names):
        if len(found) == 1:
            raise ValueError(f"factor {factor + 1} has the level {found[0]} alone: leave it out, or add an arm")
    missing = sorted(set(product(*names)) - set(rows))
    if missing:
        raise ValueError(f"no arm has the levels {', '.join(missing[0])} ({len(missing)} combinations are missing)")
    cells = {cell: np.array([row == cell for row in rows]) / rows.count(cell) for cell in rows}
    single = [(factor,) for factor in range(count)]
    pairs = list(combinations(range(count), 2))
    return tuple(
        Contrast(factors, steps, _weights(cells, factors, steps))
        for factors in [*single, *pairs]
        for steps in product(*([(names[f][0], to) for to in names[f][1:]] for f in factors))
    )


def _weights(
    cells: dict[tuple[str, ...], np.ndarray], factors: tuple[int, ...], steps: tuple[tuple[str, str], ...]
) -> np.ndarray:
    """Return the weights of a contrast: for each cell at the levels involved +1 or -1, over how many there are."""
    involved = [
        (cell, weights)
        for cell, weights in cells.items()
        if all(cell[factor] in step for factor, step in zip(factors, steps, strict=True))
    ]
    total = np.zeros(len(next(iter(cells.values()))))
    for cell, weights in involved:
        total += weights * np.prod([1 if cell[f] == to else -1 for f, (_, to) in zip(factors, steps, strict=True)])
    return total * 2 ** len(factors) / len(involved)
