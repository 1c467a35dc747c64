"""A run as it is drawn: its plan, its progress for eyes and ears, and scores so far."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microscope.evaluation.analyse import analyse
from microscope.evaluation.progress import Progress
from microscope.ui.evaluate import words
from microscope.ui.evaluate.running import plan_html, progress_html, so_far
from microscope.ui.evaluate.tables import scored
from tests.ui.evaluate.samples import NASTY, PLAN, arm, item_set, results_of


def test_a_plan_says_size_time_queue_what_it_could_see_and_warnings() -> None:
    drawn = plan_html(PLAN, "cpu", "One visitor is ahead of you.")
    for said in ("30 of them known already", "About 2 minutes on cpu. One visitor", "5.1 points", "Few images"):
        assert said in drawn


def test_progress_is_read_out_with_its_arm_and_its_message() -> None:
    found = replace(results_of(item_set(), [arm("a")]), missing={"c": "One <failed>."})
    drawn = progress_html(Progress(20, 80, 10, 95.0, "b", "2 ahead", found), {"b": NASTY})
    assert 'role="progressbar"' in drawn
    assert 'aria-valuenow="25" aria-valuetext="20 of 80 answers, 10 known already; about 2 minutes left"' in drawn
    assert "&lt;b&gt;step &amp; 2000&lt;/b&gt;: 2 ahead" in drawn
    assert words.TROUBLES in drawn
    assert "One &lt;failed&gt;." in drawn


def test_the_end_says_that_it_is_one_and_why_it_came_early() -> None:
    assert words.FINISHED in progress_html(Progress(80, 80, 0, over=True), {})
    assert "Decided." in progress_html(Progress(20, 80, 0, over=True, stopped_early="Decided."), {})
    assert "Nothing came." in progress_html(Progress(0, 80, 0, message="Nothing came.", over=True), {})
    assert words.NOT_ALL in progress_html(Progress(60, 80, 0, over=True), {})
    assert 'aria-valuenow="0"' in progress_html(Progress(0, 0, 0, over=True), {})


def test_scores_so_far_have_intervals_and_no_verdict() -> None:
    items = item_set()
    drawn = so_far(results_of(items, [arm("a", NASTY), arm("b")], 20))
    assert "So far, on 20 items" in drawn
    assert "&lt;b&gt;step" in drawn
    assert drawn.count(" to ") == 2
    assert drawn.count("<tr") == 3


def test_scores_so_far_have_the_intervals_of_the_end() -> None:
    found = results_of(item_set(), [arm("a"), arm("b")], 20)
    every = replace(found, scores=np.ones_like(found.scores))
    for one in (found, every):
        drawn = so_far(one)
        for mark in analyse(one).marks:
            assert scored(mark.score) in drawn
    assert "100.0 to 100.0" not in so_far(every)


def test_without_items_or_spread_nothing_is_made_up() -> None:
    items = item_set()
    assert so_far(None) == ""
    assert so_far(results_of(items, [arm("a")], 0)) == ""
    assert " to " not in so_far(results_of(items, [arm("a")], 4))
