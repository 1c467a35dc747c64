"""The steps of training runs in order, and which one to take; knows no page.

The step that scores highest is recommended, and every step that is not separated from it is named beside it: which of
them is best, these items cannot tell. Holm corrects over all pairs of the run's steps, since the best one is chosen by
the same scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from microscope.evaluation.analyse.phrases import counted, level, listed, percent, span
from microscope.evaluation.analyse.prepared import Prepared
from microscope.evaluation.analysis import Mark, Moment, Timeline
from microscope.evaluation.results import Arm
from microscope.evaluation.statistics import FEWEST_FOR_P, differences, holm

FEWEST_STEPS = 2


def timelines_of(prepared: Prepared, marks: Sequence[Mark]) -> tuple[Timeline, ...]:
    """Return a timeline for each run with at least two steps; arms under other settings are another one."""
    lines: dict[tuple[object, ...], list[int]] = {}
    for number, arm in enumerate(prepared.results.arms):
        if arm.run is not None and arm.step is not None:
            lines.setdefault((arm.run, arm.settings, arm.template, arm.keep, arm.precision), []).append(number)
    found = [_in_order(prepared.results.arms, arms) for arms in lines.values()]
    return tuple(_timeline(prepared, marks, arms) for arms in found if len(arms) >= FEWEST_STEPS)


def _in_order(arms: Sequence[Arm], numbers: Sequence[int]) -> list[int]:
    """Return one arm a step, by step."""
    first = {arms[number].step: number for number in reversed(numbers)}
    return sorted(first.values(), key=lambda number: arms[number].step or 0)


def _timeline(prepared: Prepared, marks: Sequence[Mark], arms: list[int]) -> Timeline:
    # The earliest of several that score the same: it took the least training.
    best = max(arms, key=lambda number: round(marks[number].score.value, 12))
    behind = _separated_from(prepared, arms, best)
    steps = {number: prepared.results.arms[number].step or 0 for number in arms}
    moments = tuple(Moment(marks[number].key, steps[number], marks[number].score, number in behind) for number in arms)
    equal = [f"{steps[number]:,}" for number in arms if number != best and number not in behind]
    between = span(marks[best].score)
    interval = f", {level(prepared.options.level)} interval {between}" if between else ""
    sentence = f"Step {steps[best]:,} scores highest ({percent(marks[best].score.value)}{interval}); " + (
        f"not separated from {'step' if len(equal) == 1 else 'steps'} {listed(equal)}"
        if equal
        else f"separated from every other step of {_name(prepared, arms)}"
    )
    # Against a baseline fewer pairs are asked about, so that one of them may be separated there and not here.
    pairs = len(arms) * (len(arms) - 1) // 2
    sentence += (
        f" (Holm over {counted(pairs, 'pair')} of steps)." if pairs > 1 and prepared.images >= FEWEST_FOR_P else "."
    )
    return Timeline(_name(prepared, arms), moments, marks[best].key, sentence)


def _separated_from(prepared: Prepared, arms: list[int], best: int) -> set[int]:
    """Return the arms that score lower than the best one, and not by chance."""
    if prepared.means is None or prepared.images < FEWEST_FOR_P:
        return set()
    found = differences(prepared.means, list(combinations(arms, 2)), prepared.options.level)
    corrected = holm([np.nan if one.p is None else one.p for one in found])
    apart = [one for one, p in zip(found, corrected, strict=True) if p < prepared.alpha]
    return {arm for one in apart if best in (one.first, one.second) for arm in (one.first, one.second)} - {best}


def _name(prepared: Prepared, arms: Sequence[int]) -> str:
    """Return the run's name, with the levels that its arms share and others have not."""
    every, own = prepared.results.arms, [prepared.results.arms[number] for number in arms]
    shared = [level for level in own[0].factors if all(level in arm.factors for arm in own)]
    telling = [f"{name} {value}" for name, value in shared if any((name, value) not in arm.factors for arm in every)]
    return ", ".join([own[0].run or "", *telling])
