"""Which checkpoints got worse, and that it is no chance: against the baseline, and against the step before.

The step before may stand in earlier results of the same set: a run that is evaluated as it trains has one new step
at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from microscope.errors import UserError
from microscope.evaluation.analyse.estimates import within
from microscope.evaluation.analyse.phrases import counted, level, size, span
from microscope.evaluation.analysis import Analysis, Estimate
from microscope.evaluation.results import Arm, Results
from microscope.evaluation.statistics import FEWEST_CLUSTERS, Difference, choose, differences, holm

BASELINE, STEP = "baseline", "step"


@dataclass(frozen=True)
class Regression:
    """An arm that is worse than another on the same items: `difference` is below 0, and separated from it.

    `against` tells whether the other is the baseline or the step before. `level` is the interval's.
    """

    arm: Arm
    than: Arm
    against: str
    difference: Estimate
    items: int
    level: float

    @property
    def sentence(self) -> str:
        """Return what happened, with the number that makes it honest."""
        return (
            f"{self.arm.label} scores {size(self.difference.value)} less than {self.than.label} on the same "
            f"{counted(self.items, 'item')} ({level(self.level)} interval of the difference {span(self.difference)})."
        )


def regressions(results: Results, analysis: Analysis, previous: Results | None = None) -> tuple[Regression, ...]:
    """Return the arms that got worse, those against the baseline first; `previous` are earlier results of the set.

    Within results a pair is separated as the analysis says. Steps held against earlier results are corrected by Holm
    among themselves. Earlier results of another set, or by another scorer, are a `UserError`.
    """
    arms = {arm.key: arm for arm in results.arms}
    asked = [(BASELINE, analysis.options.baseline, arm.key) for arm in results.arms]
    asked += [(STEP, before.key, arm.key) for before, arm in _following(results.arms)]
    pairs = {(pair.first, pair.second): pair for pair in analysis.pairs}
    found = []
    for against, first, second in asked:
        pair, sign = pairs.get((first or "", second)), 1
        if pair is None:
            pair, sign = pairs.get((second, first or "")), -1
        if pair is not None and pair.separated and sign * pair.difference.value < 0:
            difference = pair.difference if sign > 0 else _turned(pair.difference)
            rule = analysis.options.level
            found.append(Regression(arms[second], arms[first or ""], against, difference, analysis.n, rule))
    return (*found, *(() if previous is None else _since(results, analysis, previous)))


def same_line(one: Arm, other: Arm) -> bool:
    """Tell whether two arms are steps of one training run that answer under the same settings."""
    under = (one.settings, one.template, one.keep, one.precision, one.factors)
    stepped = one.step is not None and other.step is not None
    return (
        stepped
        and one.run is not None
        and one.run == other.run
        and under == (other.settings, other.template, other.keep, other.precision, other.factors)
    )


def _following(arms: tuple[Arm, ...]) -> Iterator[tuple[Arm, Arm]]:
    """Yield each arm with the one that is the step before it."""
    for arm in arms:
        before = _before(arm, arms)
        if before is not None:
            yield before, arm


def _before(arm: Arm, arms: tuple[Arm, ...]) -> Arm | None:
    """Return the last earlier step of an arm's run."""
    earlier = [other for other in arms if same_line(other, arm) and (other.step or 0) < (arm.step or 0)]
    return max(earlier, key=lambda other: other.step or 0, default=None)


def _since(results: Results, analysis: Analysis, previous: Results) -> list[Regression]:
    """Return the first steps of this evaluation that are worse than the last ones of an earlier one."""
    if (previous.set.digest, previous.scorer) != (results.set.digest, results.scorer):
        raise UserError(
            f"The earlier results are of {previous.set.name} by {previous.scorer}, and these of {results.set.name} by "
            f"{results.scorer}: hold results of the same set and scorer against each other."
        )
    tested: list[tuple[Arm, Arm, Difference, int]] = []
    for arm in results.arms:
        before = _before(arm, previous.arms)
        if _before(arm, results.arms) is None and before is not None:
            scores, clusters = _paired(previous, before, results, arm)
            if len(np.unique(clusters)) >= FEWEST_CLUSTERS:
                (found,) = differences(choose(scores, clusters), [(0, 1)], analysis.options.level)
                tested.append((arm, before, found, len(scores)))
    corrected = holm([np.nan if found.p is None else found.p for _, _, found, _ in tested])
    alpha = 1 - analysis.options.level
    return [
        Regression(arm, before, STEP, within(one.difference, one.low, one.high), items, analysis.options.level)
        for (arm, before, one, items), p in zip(tested, corrected.tolist(), strict=True)
        if p < alpha and one.difference < 0
    ]


def _paired(first: Results, one: Arm, second: Results, other: Arm) -> tuple[np.ndarray, np.ndarray]:
    """Return both arms' scores on the items that both results have, shape (m, 2), and their clusters, shape (m,)."""
    place = {item.id: number for number, item in enumerate(first.items)}
    both = [(place[item.id], number) for number, item in enumerate(second.items) if item.id in place]
    rows, numbers = (np.array(column, np.int64) for column in zip(*both, strict=True)) if both else (_NONE, _NONE)
    left = first.matrix[rows, [arm.key for arm in first.arms].index(one.key)]
    right = second.matrix[numbers, [arm.key for arm in second.arms].index(other.key)]
    return np.stack([left, right], axis=1), np.asarray(second.clusters)[numbers]


def _turned(difference: Estimate) -> Estimate:
    low, high = difference.high, difference.low
    return Estimate(-difference.value, None if low is None else -low, None if high is None else -high)


_NONE = np.zeros(0, np.int64)
