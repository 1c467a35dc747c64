"""What is kept of evaluations: by the owner alone, in a folder of its own, and shown as it was kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gradio as gr
import httpx
import pytest

from microscope.evaluation.analyse import analyse
from microscope.ui import text
from microscope.ui.evaluate import words
from microscope.ui.evaluate.past import PastHandlers, draw_past, wire_past
from microscope.ui.evaluate.view import Shown
from tests.ui.evaluate.samples import anybody, arm, item_set, nobody, results_of


@pytest.fixture
def shown() -> Shown:
    """Return results of two steps of a run."""
    items = item_set()
    results = results_of(items, [arm("a", step=300), arm("b", step=600)])
    return Shown(items, results, analyse(results))


def test_who_is_not_the_owner_sees_and_keeps_nothing(
    tmp_path: Path, shown: Shown, visitor: Callable[..., gr.Request]
) -> None:
    handlers = PastHandlers(tmp_path / "tracking", nobody)
    for said, runs in (handlers.show(visitor(), None), handlers.keep(shown, visitor(), None)):
        assert text.NOT_OWNER in said
        assert runs == ""
    assert not (tmp_path / "tracking").exists()


def test_results_are_kept_and_shown(tmp_path: Path, shown: Shown, visitor: Callable[..., gr.Request]) -> None:
    handlers = PastHandlers(tmp_path / "tracking", anybody)
    assert words.NO_HISTORY in handlers.show(visitor(), None)[1]
    assert words.NOTHING_RUN in handlers.keep(Shown(), visitor(), None)[0]
    said, runs = handlers.keep(shown, visitor(), None)
    assert words.HISTORY_KEPT in said
    assert shown.analysis is not None
    assert shown.analysis.verdict in runs
    assert ">600<" in runs
    assert handlers.show(visitor(), None)[1] == runs


def test_where_the_dashboard_is_mounted_there_is_a_link_once_something_was_kept(
    tmp_path: Path, shown: Shown, visitor: Callable[..., gr.Request]
) -> None:
    handlers = PastHandlers(tmp_path / "tracking", anybody, mounted=True)
    assert words.DASHBOARD not in handlers.show(visitor(), None)[1]
    assert 'href="trackio/?project=vlm-microscope' in handlers.keep(shown, visitor(), None)[1]


def test_both_buttons_answer_at_once_and_in_private(tmp_path: Path) -> None:
    with gr.Blocks() as demo:
        wire_past(draw_past(), gr.State(Shown()), PastHandlers(tmp_path, nobody))
    assert [(fn.name, fn.queue, fn.api_visibility) for fn in demo.fns.values()] == [
        ("show", False, "private"),
        ("keep", False, "private"),
    ]


def test_the_dashboard_is_served_beside_the_page_and_changes_nothing(url: str) -> None:
    shown = httpx.get(f"{url}trackio/", follow_redirects=True)
    assert shown.status_code == 200
    assert "trackio" in shown.text.lower()
    assert httpx.post(f"{url}trackio/api/delete_run", json={}).status_code == 403
