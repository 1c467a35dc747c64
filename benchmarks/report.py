"""The figures of the benchmark: ratios with their intervals, and the table of them; measures nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000


@dataclass(frozen=True)
class Ratio:
    """A way's median seconds over the bare loop's, with a bootstrap 95 % interval."""

    bare_seconds: float
    seconds: float
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """What one way took with some checkpoints of one model, against the bare loop in the same rounds."""

    model: str
    parameters: int
    checkpoints: int
    tokens: int
    way: str
    first: Ratio
    total: Ratio


def compare(bare: list[float], other: list[float]) -> Ratio:
    """Return the ratio of the medians; the interval comes from drawing rounds, with what both ways took in each."""
    pairs = np.array([bare, other])
    draws = np.random.default_rng(0).integers(0, len(bare), (RESAMPLES, len(bare)))
    drawn = np.median(pairs[:, draws], axis=2)
    low, high = np.quantile(drawn[1] / drawn[0], (0.025, 0.975))
    base, seconds = np.median(pairs, axis=1)
    return Ratio(float(base), float(seconds), float(seconds / base), float(low), float(high))


def table(rows: list[Row], conditions: str) -> str:
    """Return the rows for people, below a line that says under what conditions they were taken."""
    times = f"{'bare':>9} {'way':>9} {'ratio':>23} "
    lines = [
        conditions,
        "medians in ms of the bare loop and of the way; ratio of the medians with its bootstrap 95 % interval",
        "",
        f"{'':<41} {'to the first token':>43} {'to the end':>43}",
        f"{'model':<14} {'checkpoints':>11} {'tokens':>6}  {'way':<6} {times}{times}",
    ]
    for one in rows:
        model = f"{one.model} {one.parameters / 1e6:.1f}M"
        timed = " ".join(
            f"{1000 * r.bare_seconds:9.1f} {1000 * r.seconds:9.1f} {shown(r):>23}" for r in (one.first, one.total)
        )
        lines.append(f"{model:<14} {one.checkpoints:>11} {one.tokens:>6}  {one.way:<6} {timed}")
    return "\n".join(line.rstrip() for line in lines)


def shown(ratio: Ratio) -> str:
    """Return a ratio with its interval."""
    return f"{ratio.ratio:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"
