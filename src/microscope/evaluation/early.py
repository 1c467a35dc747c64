"""Stops a run as soon as it is decided, however often one looks; knows no model and no page.

Each picture on which two arms differ in sum is one outcome: the second is ahead, or the first. Outcomes are held
against even odds by an e-value, which may be looked at after every one of them (see `statistics.sequential`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from microscope.evaluation.statistics import Sequential
from microscope.evaluation.tally import Tally

IMAGES_A_ROUND = 8
LEVEL = 0.95


def rounds(clusters: np.ndarray, seed: int = 0) -> Iterator[list[list[int]]]:
    """Yield rounds of pictures in a random order that the seed decides, each picture as its items' numbers."""
    numbers = np.random.default_rng(seed).permutation(int(clusters.max()) + 1 if len(clusters) else 0)
    items: list[list[int]] = [[] for _ in numbers]
    for item, cluster in enumerate(clusters.tolist()):
        items[cluster].append(item)
    order = [items[number] for number in numbers.tolist()]
    for start in range(0, len(order), IMAGES_A_ROUND):
        yield order[start : start + IMAGES_A_ROUND]


class Decision:
    """Whether every other arm is decided against the first; corrected for how many there are (Bonferroni)."""

    def __init__(self, arms: int) -> None:
        self._pairs = {other: Sequential() for other in range(1, arms)}
        self._level = 1 - (1 - LEVEL) / max(1, len(self._pairs))

    def take(self, tally: Tally, pictures: Sequence[Sequence[int]]) -> None:
        """Take in what the arms scored on further pictures."""
        for other, sequence in self._pairs.items():
            for items in pictures:
                difference = tally.difference(0, other, items)
                if difference:
                    sequence.feed(won=difference > 0)

    @property
    def made(self) -> bool:
        """Tell whether nothing is left to decide."""
        return bool(self._pairs) and all(sequence.decided(self._level) for sequence in self._pairs.values())

    def sentence(self, answered: int, total: int) -> str:
        """Return what was decided, and after how much."""
        return (
            f"Decided after {answered:,} of {total:,} questions, which came in a random order of images: each "
            "difference has an e-value that one may look at after every image."
        )
