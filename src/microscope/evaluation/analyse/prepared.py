"""Results made ready to be analysed: one order, plain arrays, means, names that tell arms apart; tests nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from microscope.errors import UserError
from microscope.evaluation.analyse.canonical import canonical
from microscope.evaluation.analysis import Options
from microscope.evaluation.results import Arm, Results
from microscope.evaluation.statistics import FEWEST_CLUSTERS, Means, choose


@dataclass(frozen=True)
class Prepared:
    """Results in the set's order, and what every part of the analysis asks of them.

    `scores` are the normal ones, float64 of shape (n, K); `clusters` number the pictures of items, shape (n,);
    `names` are what sentences call the arms; `baseline` is the arm's number. `rows` has where each item stood. `means`
    are None where there is one picture, which has no spread.
    """

    results: Results
    rows: np.ndarray
    scores: np.ndarray
    clusters: np.ndarray
    means: Means | None
    images: int
    binary: bool
    names: tuple[str, ...]
    baseline: int | None
    options: Options

    @property
    def alpha(self) -> float:
        """Return the share of false alarms that is accepted."""
        return 1 - self.options.level


def prepare(results: Results, options: Options) -> Prepared:
    """Return results ready for the analysis; a `UserError` where there is nothing to analyse, or no such baseline."""
    if not results.items or not results.answers:
        raise UserError("There are no answers to analyse yet. Run the set through at least one checkpoint first.")
    _check(results, options)
    ordered, rows = canonical(results)
    scores, clusters = ordered.matrix, np.asarray(ordered.clusters, np.int64)
    images = int(clusters.max()) + 1
    keys = [arm.key for arm in results.arms]
    return Prepared(
        results=ordered,
        rows=rows,
        scores=scores,
        clusters=clusters,
        means=choose(scores, clusters) if images >= FEWEST_CLUSTERS else None,
        images=images,
        binary=bool(np.isin(scores, (0.0, 1.0)).all()),
        names=arm_names(results.arms),
        baseline=None if options.baseline is None else keys.index(options.baseline),
        options=options,
    )


def arm_names(arms: tuple[Arm, ...]) -> tuple[str, ...]:
    """Return what to call each arm: its label where no other has the same, else its key."""
    labels = Counter(arm.label for arm in arms)
    return tuple(arm.label if arm.label and labels[arm.label] == 1 else arm.key for arm in arms)


def _check(results: Results, options: Options) -> None:
    keys = [arm.key for arm in results.arms]
    if options.baseline is not None and options.baseline not in keys:
        raise UserError(
            f"The baseline “{options.baseline}” is not among what was run. Choose one of: {', '.join(keys)}."
        )
    if options.margin is not None and not 0 < options.margin < 1:
        raise UserError(
            f"A margin of {options.margin:g} is no difference of scores. Give one between 0 and 1: 0.02 is two points."
        )
    if options.margin is not None and options.baseline is None and len(keys) > 1:
        raise UserError("A margin says how much worse than a baseline is still fine. Choose the baseline too.")
    for name, share in (("level", options.level), ("power", options.power)):
        if not 0 < share < 1:
            raise UserError(f"A {name} of {share:g} is no share. Give one between 0 and 1, such as 0.95.")
