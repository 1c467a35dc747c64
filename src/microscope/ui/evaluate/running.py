"""Draws a run: what it takes, how far it is, and the scores so far; knows no component."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

import numpy as np

from microscope.evaluation.analyse.estimates import score
from microscope.evaluation.analyse.phrases import counted
from microscope.evaluation.analysis import Estimate, Options
from microscope.evaluation.progress import Plan, Progress
from microscope.evaluation.results import Results
from microscope.evaluation.statistics import FEWEST_CLUSTERS, choose
from microscope.ui.evaluate import words
from microscope.ui.evaluate.markup import Cell, bar, listing, note, part, status, table
from microscope.ui.evaluate.tables import scored


def plan_html(plan: Plan, device: str, queue: str) -> str:
    """Return what a run takes and what it could see; `queue` says who is waiting."""
    facts = (words.planned(plan), f"{words.takes(plan, device)} {queue}".strip(), words.detects(plan))
    return "".join(f'<p class="vm-cost">{sentence}</p>' for sentence in map(escape, filter(None, facts))) + part(
        words.WARNINGS, listing(plan.warnings), kind="vm-warnings"
    )


def progress_html(progress: Progress, labels: Mapping[str, str]) -> str:
    """Return how far a run is, and what went wrong so far; `labels` are what people call its arms, by key."""
    said = words.progressed(progress.done, progress.total, progress.reused, progress.left)
    share = progress.done / progress.total if progress.total else 0.0
    now = ": ".join(one for one in (labels.get(progress.arm, progress.arm), progress.message) if one)
    troubles = tuple(progress.results.missing.values()) if progress.results is not None else ()
    return "".join(
        (
            f'<p class="vm-said">{escape(said)}</p>',
            bar(words.PROGRESS, share, said),
            status(_ended(progress) if progress.over else now),
            part(words.TROUBLES, listing(troubles), kind="vm-warnings"),
        )
    )


def _ended(progress: Progress) -> str:
    if progress.stopped_early:
        return progress.stopped_early
    return words.FINISHED if progress.done >= progress.total else progress.message or words.NOT_ALL


def so_far(results: Results | None) -> str:
    """Return the scores of the items that are there, without a verdict."""
    if results is None or not results.items:
        return ""
    caption = words.SO_FAR.format(items=counted(len(results.items), "item"))
    return note(caption) + table(caption, words.SO_FAR_HEADS, _rows(results))


def _rows(results: Results) -> Iterator[list[Cell]]:
    matrix, clusters = results.matrix, np.asarray(results.clusters)
    images, binary = len(set(results.clusters)), bool(np.isin(matrix, (0.0, 1.0)).all())
    spread = choose(matrix, clusters) if images >= FEWEST_CLUSTERS else None
    errors = None if spread is None else np.sqrt(np.diag(spread.covariance))
    for column, answers in enumerate(results.answers):
        found = Estimate(float(matrix[:, column].mean()))
        if errors is not None:
            # The very interval that the end will show: scores must not move when the verdict comes.
            level = Options().level
            found = score(found.value, float(errors[column]), len(matrix), images, level, binary=binary)
        yield [answers.arm.label, scored(found), f"{len(answers.failures):,}"]
