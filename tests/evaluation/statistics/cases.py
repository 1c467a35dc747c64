"""Data that tests of the statistics share: the reference's cases, and random scores whose items share images."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

REFERENCE: dict[str, Any] = json.loads(Path(__file__).with_name("reference.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Case:
    """Scores, shape (n, K), the images that items are about, shape (n,), and the numbers to come to."""

    scores: np.ndarray
    clusters: np.ndarray
    expected: dict[str, Any]


def marks(*rows: str) -> np.ndarray:
    """Return verdicts, given as a string of 0 and 1 an arm, as scores of shape (items, arms)."""
    return np.array([[int(mark) for mark in row] for row in rows], np.float64).T


def _two() -> Case:
    case = REFERENCE["paired_two_checkpoints"]
    inputs = case["inputs"]
    sizes = inputs["cluster_sizes"]
    scores = marks(inputs["correct_a"], inputs["correct_b"])
    return Case(scores, np.repeat(np.arange(len(sizes)), sizes), case["expected"])


def _four() -> Case:
    case = REFERENCE["four_checkpoints"]
    scores = marks(*case["inputs"]["correct"].values())
    return Case(scores, np.arange(len(scores)) // 3, case["expected"])


TWO, FOUR = _two(), _four()
SEQUENTIAL: dict[str, Any] = REFERENCE["sequential_pair"]


def random_sets(
    count: int = 200, *, arms: int = 2, alone: bool = False, soft: bool = False
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield scores, shape (n, arms), and images, of all sizes and shapes; no two arms agree everywhere.

    `alone` gives each image one item; `soft` scores lie between 0 and 1.
    """
    rng = np.random.default_rng(20)
    for _ in range(count):
        images = int(rng.integers(8, 40))
        sizes = np.ones(images, int) if alone else rng.integers(1, 6, images)
        clusters = rng.permutation(np.repeat(np.arange(images), sizes))
        ease = rng.uniform(0.2, 0.8, arms) + rng.normal(0, 0.2, (images, arms))
        chance = ease[clusters] + (rng.normal(0, 0.2, (len(clusters), arms)) if soft else 0)
        scores = np.round(chance.clip(0, 1), 1) if soft else (rng.random(chance.shape) < chance).astype(np.float64)
        # An item on which all arms differ from each other as far as they can.
        scores[0], scores[1] = np.arange(arms) % 2, 1 - np.arange(arms) % 2
        scores[2] = np.arange(arms) // 2 % 2
        yield scores, clusters
