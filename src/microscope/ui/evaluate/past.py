"""The part of the tab that shows earlier evaluations and keeps the one that is shown; for the owner alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from microscope.errors import UserError
from microscope.evaluation.tracked import track
from microscope.tracking import trackio_tracker
from microscope.tracking.base import Destination
from microscope.tracking.dashboard import address
from microscope.tracking.history import past_projects, past_runs
from microscope.tracking.trackio_folder import project_name
from microscope.ui import text
from microscope.ui.compare.events import LIGHT
from microscope.ui.evaluate import words
from microscope.ui.evaluate.history import MOST_RUNS, dashboard_link, history_html
from microscope.ui.evaluate.markup import note, status
from microscope.ui.evaluate.view import Shown

# The command line's own.
PROJECT = "vlm-microscope"


@dataclass(frozen=True)
class Past:
    """The components: two buttons, the line that says what came of them, and what was kept."""

    show: gr.Button
    keep: gr.Button
    said: gr.HTML
    runs: gr.HTML


def draw_past() -> Past:
    """Draw the part inside the current Blocks."""
    with gr.Accordion(words.HISTORY, open=False):
        gr.HTML(note(words.HISTORY_HINT))
        with gr.Row():
            show = gr.Button(words.HISTORY_SHOW, size="sm", min_width=140, elem_id="evaluate-history-show")
            keep = gr.Button(words.HISTORY_KEEP, size="sm", min_width=140, elem_id="evaluate-history-keep")
        said = gr.HTML(status(""))
        return Past(show, keep, said, gr.HTML("", elem_id="evaluate-history"))


def wire_past(part: Past, state: gr.State, handlers: PastHandlers) -> None:
    """Connect the buttons."""
    part.show.click(handlers.show, None, [part.said, part.runs], **LIGHT)
    part.keep.click(handlers.keep, [state], [part.said, part.runs], **LIGHT)


class PastHandlers:
    """The part's event handlers over a folder of Trackio's; `is_owner` judges by the request and who signed in.

    Where Trackio's own dashboard is `mounted` beside the page, there is a link to it.
    """

    def __init__(
        self, folder: Path, is_owner: Callable[[gr.Request, gr.OAuthProfile | None], bool], *, mounted: bool = False
    ) -> None:
        self._folder, self._is_owner, self._mounted = folder, is_owner, mounted

    def show(self, request: gr.Request, profile: gr.OAuthProfile | None) -> tuple[str, str]:
        """Show what was kept."""
        # An event that does not wait in the queue can raise no message on the page.
        if not self._is_owner(request, profile):
            return status(text.NOT_OWNER), ""
        return status(""), self._runs()

    def keep(self, shown: Shown, request: gr.Request, profile: gr.OAuthProfile | None) -> tuple[str, str]:
        """Keep the results on the tab, and show everything that was kept."""
        if not self._is_owner(request, profile):
            return status(text.NOT_OWNER), ""
        if shown.results is None or shown.analysis is None or shown.pictures is None:
            return status(words.NOTHING_RUN), ""
        destination = Destination(trackio_tracker.TRACKER, self._folder, PROJECT)
        try:
            track(destination, shown.results, shown.analysis, shown.pictures.read)
        except UserError as error:
            return status(str(error)), ""
        return status(words.HISTORY_KEPT), self._runs()

    def _runs(self) -> str:
        try:
            known = project_name(PROJECT) in past_projects(self._folder)
            link = dashboard_link(address(PROJECT)) if known and self._mounted else ""
            return link + history_html(past_runs(self._folder, PROJECT, MOST_RUNS) if known else ())
        except UserError as error:
            return note(str(error))
