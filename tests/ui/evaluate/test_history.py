"""Kept evaluations as they are drawn: scores by step with intervals, verdicts and alerts, all escaped."""

from __future__ import annotations

from dataclasses import replace

from microscope.tracking.base import Alert
from microscope.tracking.history import PastAlert, PastRun
from microscope.ui.evaluate import words
from microscope.ui.evaluate.history import MOST_RUNS, history_html, scores
from tests.ui.evaluate.samples import NASTY

RUN = PastRun(
    "vlm-microscope",
    NASTY,
    "1",
    "2026-11-24T10:00:00+00:00",
    "shapes 0123",
    {"verdict": "Step 600 is better."},
    {
        "score/mean": ((300, 0.5), (600, 0.75)),
        "score/low": ((300, 0.4), (600, 0.6)),
        "score/high": ((300, 0.6), (600, 0.85)),
    },
    (PastAlert(Alert("It fell", "By <10> points."), "2026-11-24T10:00:01+00:00"),),
)


def test_without_runs_it_is_said_how_to_get_one() -> None:
    assert words.NO_HISTORY in history_html([])


def test_a_run_has_its_plot_its_numbers_its_verdict_and_its_alerts() -> None:
    drawn = history_html([RUN])
    for said in (
        "shapes 0123, 2026-11-24 10:00",
        "Step 600 is better.",
        "<b>75.0</b>",
        "60.0 to 85.0",
        "By &lt;10&gt;",
    ):
        assert said in drawn
    assert 'class="vm-fig"' in drawn
    assert NASTY not in drawn


def test_a_single_score_is_no_line_and_needs_no_interval() -> None:
    alone = replace(RUN, metrics={"score/mean": ((0, 0.5),)})
    drawn = history_html([alone])
    assert "vm-fig" not in drawn
    assert f">{words.NONE}<" in drawn


def test_a_step_that_was_tracked_twice_counts_as_it_was_last() -> None:
    again = replace(RUN, metrics={"score/mean": ((600, 0.5), (300, 0.2), (600, 0.75))})
    assert [(one.step, one.score.value) for one in scores(again)] == [(300, 0.2), (600, 0.75)]


def test_so_many_runs_are_drawn_and_the_first_is_open() -> None:
    drawn = history_html([RUN] * (MOST_RUNS + 3))
    assert drawn.count("<details") == MOST_RUNS
    assert drawn.count(" open>") == 1
