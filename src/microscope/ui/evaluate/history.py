"""Draws evaluations that a tracker kept: each run's score by step, its verdict and its alerts; knows no component."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from microscope.evaluation.analyse.phrases import number, span
from microscope.evaluation.analysis import Estimate, Moment, Timeline
from microscope.evaluation.reports import timeline_plot
from microscope.tracking.history import PastRun
from microscope.ui.evaluate import words
from microscope.ui.evaluate.markup import Markup, empty, folded, listing, note, table

MEAN, LOW, HIGH = "score/mean", "score/low", "score/high"
MOST_RUNS = 12


def history_html(runs: Sequence[PastRun]) -> str:
    """Return the latest runs, the latest first and open."""
    drawn = [_run(run, place) for place, run in enumerate(runs[:MOST_RUNS])]
    return "".join(drawn) or empty(words.NO_HISTORY)


def scores(run: PastRun) -> tuple[Moment, ...]:
    """Return a run's scores with their intervals, by step; one that was tracked twice counts as it was last."""
    ends = {name: dict(run.metrics.get(name, ())) for name in (LOW, HIGH)}
    found = dict(run.metrics.get(MEAN, ()))
    return tuple(
        Moment(str(step), step, Estimate(value, ends[LOW].get(step), ends[HIGH].get(step)), separated_from_best=False)
        for step, value in sorted(found.items())
    )


def _run(run: PastRun, place: int) -> str:
    moments = scores(run)
    heading = ", ".join(one for one in (run.name, run.group, run.when[:16].replace("T", " ")) if one)
    return folded(
        heading,
        note(str(run.config.get("verdict", ""))),
        _plot(run, moments, place),
        table(heading, words.HISTORY_HEADS, ([f"{one.step:,}", *_cells(one.score)] for one in moments)),
        listing((f"{one.alert.title}: {one.alert.text}" for one in run.alerts), "vm-list vm-warnings"),
        opened=place == 0,
    )


def _cells(score: Estimate) -> tuple[Markup, str]:
    return Markup(f"<b>{number(100 * score.value)}</b>"), span(score) or words.NONE


def _plot(run: PastRun, moments: Sequence[Moment], place: int) -> str:
    if len(moments) < 2:  # noqa: PLR2004 (a line has two ends)
        return ""
    best = max(moments, key=lambda one: one.score.value)
    sentence = words.BEST_STEP.format(step=f"{best.step:,}")
    return timeline_plot(Timeline(run.name, tuple(moments), best.key, sentence), f"history-{place}")


def dashboard_link(address: str) -> str:
    """Return the link to Trackio's own dashboard."""
    return f'<p><a href="{escape(address)}" target="_blank" rel="noopener">{escape(words.DASHBOARD)}</a></p>'
