"""What makes the numbers less than they seem, each in a sentence that says what to do; knows no page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from microscope.evaluation.analyse.effects import complete, varied
from microscope.evaluation.analyse.phrases import counted, listed, percent
from microscope.evaluation.analyse.prepared import Prepared
from microscope.evaluation.analysis import Mark
from microscope.evaluation.results import LENIENT, NORMAL, STRICT, STRICTNESS
from microscope.evaluation.statistics import FEW, FEWEST_FOR_P

MOST_UNPARSED = 0.05
MOST_PICTURES = 3
SAME = 1e-9


def cautions_of(prepared: Prepared, marks: Sequence[Mark]) -> tuple[str, ...]:
    """Return the warnings, those that weigh most first."""
    return (
        *_few(prepared),
        *_unfinished(prepared),
        *_failures(marks),
        *_cut(marks),
        *_unparsed(marks),
        *_rules(prepared),
        *_merged(prepared),
        *_ablation(prepared),
    )


def _few(prepared: Prepared) -> Iterator[str]:
    images = counted(prepared.images, "image")
    if prepared.images < FEWEST_FOR_P:
        yield (
            f"{images} {'is' if prepared.images == 1 else 'are'} too few to tell any two checkpoints apart: no exact "
            f"test can. Use a set with at least {FEWEST_FOR_P} images."
        )
    elif prepared.images < FEW:
        yield (
            f"With {images}, intervals lean on each single image (CR3). The exact sign-flip p stands by each pair; "
            f"{FEW} images or more make both agree."
        )


def _unfinished(prepared: Prepared) -> Iterator[str]:
    results = prepared.results
    done, total = len(prepared.scores), results.total
    if results.stopped_early:
        yield (
            f"{results.stopped_early} The decision rests on those alone: intervals and p here are of a number of "
            "items that was not fixed before, and lean towards what was decided."
        )
    elif done < total:
        yield (
            f"{done:,} of {total:,} items have been answered. The rest may change every number here; "
            "only a stop by the sequential rule keeps its promise."
        )
    yield from results.missing.values()


def _failures(marks: Sequence[Mark]) -> Iterator[str]:
    failed = [mark for mark in marks if mark.failed]
    if failed:
        names = listed([f"{mark.label} at {counted(mark.failed, 'item')}" for mark in failed])
        if failed[0].complete is None:
            rest = "No item was answered by every checkpoint."
        else:
            scores = listed([f"{mark.label} {percent(mark.complete or 0)}" for mark in marks])
            rest = f"Over the items that none failed at: {scores}."
        yield f"Failed, and scored as wrong: {names}. {rest}"


def _cut(marks: Sequence[Mark]) -> Iterator[str]:
    cut = [f"{counted(mark.cut, 'answer')} of {mark.label}" for mark in marks if mark.cut]
    if cut:
        yield f"Cut off at the most new tokens: {listed(cut)}. Raise “max new tokens” where what was asked is missing."


def _unparsed(marks: Sequence[Mark]) -> Iterator[str]:
    unread = [f"{mark.label} {percent(mark.unparsed)}" for mark in marks if mark.unparsed > MOST_UNPARSED]
    if unread:
        yield (
            f"The scorer could read no answer in a share of the texts, and counts them as wrong: {listed(unread)}. "
            "Look at some of them; another scorer or template may fit better."
        )


def _rules(prepared: Prepared) -> Iterator[str]:
    """Warn of pairs whose order hangs on how strictly answers are read."""
    means = prepared.results.scores.astype(np.float64).mean(1)
    normal = means[STRICTNESS.index(NORMAL)]
    for rule in (STRICT, LENIENT):
        other = means[STRICTNESS.index(rule)]
        turned = [
            f"{prepared.names[high]} and {prepared.names[low]}"
            for high, low in (
                (one, two) if normal[one] >= normal[two] else (two, one)
                for one, two in combinations(range(len(normal)), 2)
            )
            if normal[high] - normal[low] > SAME and other[low] - other[high] > SAME
        ]
        if turned:
            yield (
                f"Under {rule} rules the order turns round between {listed(turned)}: the difference hangs on how "
                "answers are read, and not on what they say."
            )


def _merged(prepared: Prepared) -> Iterator[str]:
    """Say which names stand for equal pictures, which count as one."""
    names: dict[int, dict[str, None]] = {}
    for item, cluster in zip(prepared.results.items, prepared.clusters.tolist(), strict=True):
        names.setdefault(cluster, {})[item.image] = None
    merged = [list(same) for same in names.values() if len(same) > 1]
    if merged:
        shown = "; ".join(listed(same[:MOST_PICTURES]) for same in merged[:MOST_PICTURES])
        more = f" and {len(merged) - MOST_PICTURES:,} more" if len(merged) > MOST_PICTURES else ""
        yield f"Equal pictures under several names count as one image: {shown}{more}."


def _ablation(prepared: Prepared) -> Iterator[str]:
    names = varied(prepared)
    if names and not complete(prepared):
        yield (
            f"Not every combination of {listed(names)} was run, so that their effects cannot be told apart. "
            "Run the missing ones for an ablation."
        )
