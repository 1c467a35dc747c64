"""Compares our clustered errors and intervals with inspect_ai's on random sets; fails where they differ.

Run it where inspect_ai 0.3, numpy and scipy are installed; ours are read from this checkout's `src`.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
from inspect_ai.scorer import SampleScore, Score, ci, ci_wilson, stderr

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from microscope.evaluation.statistics import clustered, interval, wilson

WORST = 1e-9
KEY = "image"


def random_sets(count: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield scores and images, shape (n,) each: verdicts and soft scores, some nearly always right, images shared."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        images = int(rng.integers(2, 60))
        clusters = rng.permutation(np.repeat(np.arange(images), rng.integers(1, 9, images)))
        chance = (rng.uniform(0.02, 0.98) + rng.normal(0, 0.2, images)).clip(0, 1)[clusters]
        hit = rng.random(len(clusters)) < chance
        yield (hit * rng.choice([0.3, 0.6, 0.9, 1.0], len(clusters)) if number % 3 == 0 else hit * 1.0), clusters


def theirs(scores: np.ndarray, clusters: np.ndarray, level: float) -> list[float]:
    """Return inspect_ai's clustered error, and both ends of its t and Wilson intervals."""
    pairs = zip(scores.tolist(), clusters.tolist(), strict=True)
    samples = [SampleScore(score=Score(value=value), sample_metadata={KEY: image}) for value, image in pairs]
    student, share = ci(level=level, cluster=KEY)(samples), ci_wilson(level=level, cluster=KEY)(samples)
    error = stderr(cluster=KEY)(samples)
    return [error, student["lower"], student["upper"], share["lower"], share["upper"]]


def ours(scores: np.ndarray, clusters: np.ndarray, level: float) -> list[float]:
    """Return the same numbers by our own functions."""
    means = clustered(scores[:, None], clusters)
    mean, error = means.contrast(np.ones(1))
    student = interval(mean, error, means.clusters, level)
    share = wilson(mean, error, means.items, means.clusters, level)
    return [error, *student, *share]


def main() -> int:
    """Print the worst relative difference of each number; return 1 where one is beyond the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    levels = np.random.default_rng(asked.seed).uniform(0.5, 0.999, asked.sets)
    rows = [
        [(their, our) for their, our in zip(theirs(*one, level), ours(*one, level), strict=True)]
        for one, level in zip(random_sets(asked.sets, asked.seed), levels.tolist(), strict=True)
    ]
    their, our = np.moveaxis(np.array(rows), 2, 0)
    # Next to nothing is measured against a score of 1e-6.
    off = np.abs(their - our) / np.maximum(np.abs(their), 1e-6)
    print(f"inspect_ai {version('inspect_ai')}, {len(rows)} random sets; worst relative difference:")
    names = ("stderr(cluster=)", "ci(cluster=) low", "ci(cluster=) high", "ci_wilson low", "ci_wilson high")
    for name, worst in zip(names, off.max(0), strict=True):
        print(f"  {name:<18} {worst:.1e}")
    worst = float(off.max())
    agree = math.isfinite(worst) and worst <= WORST
    print("they agree" if agree else f"they DIFFER by more than {WORST:g}")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
