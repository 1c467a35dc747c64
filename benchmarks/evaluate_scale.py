"""Measures what it takes to analyse a large run: drawn results of 100,000 items about 20,000 images and eight arms.

Nothing is answered: right and wrong are drawn so that items about one image go together and a later arm is a little
better. Memory is the most that the process held at once (its largest resident
size), and how much of that the analysis added to what results and libraries took before.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

import numpy as np

from microscope.evaluation.analyse import analyse
from microscope.evaluation.analysis import Options
from microscope.evaluation.results import Arm, ArmAnswers, ArmFacts, ImageFacts, Results, SetFacts
from microscope.records import GenerationSettings, Item

KINDS = ("name", "where", "left", "count", "colour", "text", "yes or no", "describe")
TAGS = ("small", "dark", "language:en", "language:de", "source:photo", "source:chart")
WORDS = ("red", "two", "the left one", "no", "yes", "a chart of sales by quarter")
# How much of an item's difficulty is its image's, and how much a later arm gains on the one before it.
SHARED, GAIN = 0.6, 0.05
# Kilobytes on Linux, bytes on macOS.
RESIDENT_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Size:
    """How many items there are, about how many images, and how many arms."""

    items: int = 100_000
    images: int = 20_000
    arms: int = 8


@dataclass(frozen=True)
class Cost:
    """Seconds of one analysis, by the clock and of the processor; bytes held before it, at most, and the difference.

    `pairs`, `slices` and `verdict` are of what the analysis has in it.
    """

    size: Size
    seconds: float
    processor_seconds: float
    before: int
    peak: int
    added: int
    pairs: int
    slices: int
    verdict: str


def measure(size: Size) -> Cost:
    """Draw results and analyse them once."""
    results = drawn(size)
    before = resident()
    start, processor = time.perf_counter(), time.process_time()
    found = analyse(results, Options(baseline=results.arms[0].key, margin=0.02))
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    peak = resident()
    return Cost(
        size, seconds, processor, before, peak, peak - before, len(found.pairs), len(found.slices), found.verdict
    )


def drawn(size: Size, seed: int = 0) -> Results:
    """Return results of the size: steps of one training run, whose answers are right or wrong."""
    rng = np.random.default_rng(seed)
    clusters = np.sort(
        np.concatenate([np.arange(size.images), rng.integers(size.images, size=size.items - size.images)])
    )
    hard = SHARED * rng.standard_normal(size.images)[clusters] + (1 - SHARED) * rng.standard_normal(size.items)
    skill = GAIN * np.arange(size.arms) + 0.3 * rng.standard_normal((size.items, size.arms))
    right = (skill > hard[:, None]).astype(np.float64)
    answers = tuple(answers_of(number, size.items, rng) for number in range(size.arms))
    return Results(
        set=SetFacts("drawn", "0" * 64, size.items),
        items=items_of(clusters, rng),
        clusters=clusters,
        images=tuple(ImageFacts(f"{number:064x}", 256, 256) for number in range(size.images)),
        scorer="exact",
        answers=answers,
        scores=np.stack([right, right, right]),
        parsed=np.ones((size.items, size.arms), bool),
        total=size.items,
        order=np.arange(size.items),
    )


def items_of(clusters: np.ndarray, rng: np.random.Generator) -> tuple[Item, ...]:
    """Return an item for each number of an image, of drawn kinds and tags and with questions of many lengths."""
    kinds, tags = rng.integers(len(KINDS), size=len(clusters)), rng.integers(len(TAGS), size=len(clusters))
    lengths = rng.integers(2, 30, size=len(clusters))
    return tuple(
        Item(
            id=f"item-{number}",
            image=f"image-{cluster}.png",
            question=" ".join(["what"] * length) + "?",
            answers=(WORDS[number % len(WORDS)],),
            kind=KINDS[kind],
            tags=(TAGS[tag],),
        )
        for number, (cluster, kind, tag, length) in enumerate(zip(clusters, kinds, tags, lengths, strict=True))
    )


def answers_of(number: int, items: int, rng: np.random.Generator) -> ArmAnswers:
    """Return an arm's answers: short texts, a few of them cut, none failed."""
    settings = GenerationSettings(48)
    arm = Arm(f"step-{number}", f"step-{number}", f"Step {number}", settings, run="drawn", step=100 * (number + 1))
    facts = ArmFacts("", "", "float32", "cpu", "sdpa", ())
    words = rng.integers(len(WORDS), size=items)
    return ArmAnswers(
        arm=arm,
        facts=facts,
        texts=tuple(WORDS[word] for word in words),
        failures={},
        cut=frozenset(rng.integers(items, size=items // 1000).tolist()),
        addresses=tuple(f"{number}-{item}" for item in range(items)),
        tokens=1 + words,
    )


def resident() -> int:
    """Return the most bytes that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RESIDENT_UNIT


def machine() -> str:
    """Return what the figures depend on: processor, Python, and packages."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy"))
    return f"{os.cpu_count()} {platform.machine()} cores, Python {platform.python_version()}, {versions}"


def table(cost: Cost) -> str:
    """Return the figures for people."""
    size = cost.size
    return "\n".join(
        (
            f"{size.items:,} items, {size.images:,} images, {size.arms} arms; {machine()}",
            f"analysis: {cost.seconds:.2f} s, of the processor {cost.processor_seconds:.2f} s",
            f"found: {cost.pairs} pairs, {cost.slices} slices",
            f"memory: {cost.peak / 1e6:.0f} MB at most, {cost.added / 1e6:.0f} MB more than the results and libraries",
            cost.verdict,
        )
    )


def main(arguments: Sequence[str]) -> None:
    """Measure once, and print the result."""
    default = Size()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--items", type=int, default=default.items, help="how many items (%(default)s)")
    parser.add_argument("--images", type=int, default=default.images, help="how many images (%(default)s)")
    parser.add_argument("--arms", type=int, default=default.arms, help="how many arms (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON in place of lines")
    given = parser.parse_args(arguments)
    cost = measure(Size(given.items, given.images, given.arms))
    print(json.dumps(asdict(cost), indent=2) if given.json else table(cost))


if __name__ == "__main__":
    main(sys.argv[1:])
