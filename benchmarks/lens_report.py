"""What the lens's benchmarks share: clustered intervals, tables, the peak of tensor memory, and the conditions."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from microscope.evaluation.statistics import clustered, interval

MEMORY_EVENT = "[memory]"
MB = 1e6
# Columns with an interval, and their widths in the table of methods.
SHOWN = ("pointing", "mass", "deletion", "keep", "keep 20 %")
PASSES = ("forwards", "backwards", "vision")
NAME, WIDE, NARROW = 30, 13, 9


@dataclass(frozen=True)
class Figure:
    """A mean over items, with its 95 % interval clustered by image."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return the mean and half the interval's width."""
        return f"{self.mean:.3f} ±{(self.high - self.low) / 2:.3f}"


def figures(scores: np.ndarray, images: Sequence[str]) -> list[Figure]:
    """Return the figure of each column of scores, shape (items, columns); `images` are what the items are about.

    With a single image there is no interval, and it is NaN.
    """
    if len(set(images)) == 1:
        return [Figure(float(mean), np.nan, np.nan) for mean in scores.mean(0)]
    means = clustered(scores, np.array(images))
    errors = np.sqrt(np.diag(means.covariance))
    pairs = zip(means.mean, errors, strict=True)
    return [Figure(float(m), *interval(float(m), float(e), means.clusters)) for m, e in pairs]


def peak_memory(work: Callable[[], object]) -> int:
    """Return the most bytes that tensors took at once while some work was done, beyond what was there before.

    Every allocation of torch's CPU allocator is counted, those inside its operations too; a process's resident size
    would be of no use for so small a model.
    """
    seen: Any = profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True)
    with _quiet():
        seen.start()
    try:
        work()
    finally:
        with _quiet():
            seen.stop()
    # No public way leads to single allocations in their order.
    results = seen.profiler.kineto_results
    events = sorted((one for one in results.events() if one.name() == MEMORY_EVENT), key=lambda one: one.start_ns())
    return int(max(0, *np.cumsum([0, *(one.nbytes() for one in events)])))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the profiler's library writes to standard error by itself, whenever it starts and stops, from it."""
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def machine() -> str:
    """Return what the figures depend on: processor, threads, Python, and packages."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "captum"))
    threads = f"torch threads: {torch.get_num_threads()}"
    return f"{os.cpu_count()} {platform.machine()} cores, {threads}, Python {platform.python_version()}, {versions}"


def methods_table(found: dict[str, Any]) -> str:
    """Return the table of methods for people; `found` is what the benchmark of methods measured."""
    head = (
        "".join(f"{one:>{WIDE}}" for one in SHOWN)
        + f"{'CPU ms':>{WIDE + 3}}"
        + "".join(f"{one:>{NARROW + 1}}" for one in PASSES)
    )
    lines = [f"{'method':<{NAME}}{head}{'memory MB':>{NARROW + 2}}"]
    for row in found["rows"]:
        measures = {name: Figure(**one) for name, one in row["measures"].items()}
        shown = "".join(f"{measures[name]!s:>{WIDE}}" for name in SHOWN)
        seconds = measures["seconds"]
        ms = f"{1e3 * seconds.mean:.1f} ±{1e3 * (seconds.high - seconds.low) / 2:.1f}"
        passes = "".join(f"{measures[name].mean:>{NARROW + 1}.1f}" for name in PASSES)
        lines.append(f"{row['name']:<{NAME}}{shown}{ms:>{WIDE + 3}}{passes}{row['memory'] / MB:>{NARROW + 2}.2f}")
    chance = "".join(f"{Figure(**one)!s:>{WIDE}}" for one in found["chance"].values())
    return "\n".join([*lines, f"{'(chance: cells in evidence)':<{NAME}}{chance}"])


def verdicts(found: dict[str, Any]) -> str:
    """Return which method is best by each measure, in words, with those that cannot be told from it."""
    lines = []
    for measure, one in found["best"].items():
        others = ", ".join(one["not told from it"])
        lines.append(f"best by {measure}: {one['name']}; not told from it: {others or 'none'}")
    return "\n".join(lines)


def steps_table(steps: Sequence[dict[str, Any]]) -> str:
    """Return the pointing of some methods along training, for people."""
    names = list(dict.fromkeys(name for one in steps for name in one["pointing"]))
    lines = [f"{'step':>6} {'right of asked':>15}" + "".join(f"{name:>{WIDE + 2}}" for name in names)]
    for one in steps:
        shown = "".join(f"{Figure(**one['pointing'][name])!s:>{WIDE + 2}}" for name in one["pointing"])
        lines.append(f"{one['step']:>6} {one['items']:>8} of {one['asked']:>3}{shown}")
    return "\n".join(lines)
