"""The owner's part of the Models tab by which new checkpoints come in: draws it and connects it to what swaps them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol

import gradio as gr

from microscope.errors import UserError
from microscope.serve.hotswap.standing import Standing
from microscope.serve.hotswap.words import STAGING
from microscope.ui import text
from microscope.ui.errors import shown
from microscope.ui.evaluate.markup import status
from microscope.ui.models import swap_view, swap_words

LOOK_SECONDS = 1
LIGHT = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
# A button of a row says what it is for; what it does is checked by the server.
PRESS = """
element.addEventListener("click", (event) => {
  const pressed = event.target.closest("button[data-act]");
  const act = ["switch_to", "undo"].find((name) => pressed && name === pressed.dataset.act);
  if (act) trigger(act, { key: pressed.dataset.key });
});
"""
# The button that was pressed is gone by then; the keyboard goes on from the one that stays.
BACK = "() => { if (document.activeElement === document.body) document.querySelector('#swap-look')?.focus(); }"


class Swaps(Protocol):
    """What swaps checkpoints: it begins what it is asked, returns at once, and refuses with a `UserError`."""

    def reload(self, by: str) -> Standing:
        """Look for new checkpoints."""

    def switch(self, key: str, by: str) -> Standing:
        """Let the candidate of a checkpoint take over."""

    def undo(self, key: str, by: str) -> Standing:
        """Take the last switch of a checkpoint back."""

    def stop(self) -> Standing:
        """End what is at work at its next step."""

    def standing(self) -> Standing:
        """Return where everything stands."""


@dataclass(frozen=True)
class Components:
    """Everything in this part that events read or write."""

    part: gr.Column
    look: gr.Button
    stop: gr.Button
    said: gr.HTML
    refused: gr.HTML
    rows: gr.HTML
    record: gr.HTML
    timer: gr.Timer

    @property
    def drawn(self) -> list[gr.components.Component]:
        """Return what follows the standing, in the order in which handlers return it."""
        return [self.part, self.timer, self.stop, self.said, self.rows, self.record]


def build(*, staging: bool) -> Components:
    """Draw this part inside the current Blocks, hidden; what it shows is sent to the owner alone."""
    with gr.Column(visible=False, elem_classes="vm-owner", elem_id="swaps") as part:
        hint = STAGING if staging else swap_words.HINT
        gr.HTML(f'<h3>{escape(swap_words.HEADING)}</h3><p class="vm-note">{escape(hint)}</p>')
        with gr.Row(elem_classes="vm-swap-asks"):
            look = gr.Button(swap_words.LOOK, size="sm", min_width=90, elem_id="swap-look")
            stop = gr.Button(text.STOP, size="sm", min_width=90, interactive=False)
        # A screen reader announces what changes in a line that was there before.
        said = gr.HTML(status(""), elem_id="swap-said")
        refused = gr.HTML(status(""), elem_id="swap-refused")
        rows = gr.HTML("", js_on_load=PRESS, elem_id="swap-rows")
        record = gr.HTML("", elem_id="swap-record")
    return Components(part, look, stop, said, refused, rows, record, gr.Timer(LOOK_SECONDS, active=False))


def wire(tab: Components, here: gr.Tab, others: Sequence[gr.Tab], handlers: Handlers) -> None:
    """Connect this part: it is drawn anew while its tab is the one that is looked at, by the owner."""
    gr.on([here.select, tab.timer.tick], handlers.standing, None, tab.drawn, **LIGHT)
    for other in others:
        other.select(handlers.leave, None, tab.timer, **LIGHT)
    acted = [tab.refused, *tab.drawn]
    tab.look.click(shown(handlers.reload), None, acted, **LIGHT)
    tab.stop.click(shown(handlers.stop), None, acted, **LIGHT)
    for event, handler in ((tab.rows.switch_to, handlers.switch), (tab.rows.undo, handlers.undo)):
        event(shown(handler), None, acted, **LIGHT).then(None, None, None, js=BACK, **LIGHT)


class Handlers:
    """The part's event handlers; `is_owner` judges by the request and by who signed in, if anybody did."""

    def __init__(self, swaps: Swaps, is_owner: Callable[[gr.Request, gr.OAuthProfile | None], bool]) -> None:
        self._swaps, self._is_owner = swaps, is_owner

    def standing(self, request: gr.Request, profile: gr.OAuthProfile | None) -> list[Any]:
        """Show the owner where everything stands; a visitor is told nothing and asks no more."""
        if not self._is_owner(request, profile):
            return [gr.update(visible=False), gr.update(active=False), gr.update(interactive=False), "", "", ""]
        return drawn(self._swaps.standing())

    def leave(self) -> dict[str, Any]:
        """Draw no more: another tab is looked at."""
        return gr.update(active=False)

    def reload(self, request: gr.Request, profile: gr.OAuthProfile | None) -> list[Any]:
        """Look for new checkpoints."""
        return self._act(self._swaps.reload, request, profile)

    def stop(self, request: gr.Request, profile: gr.OAuthProfile | None) -> list[Any]:
        """End what is at work; what was decided until then holds."""
        return self._act(lambda _: self._swaps.stop(), request, profile)

    def switch(self, pressed: gr.EventData, request: gr.Request, profile: gr.OAuthProfile | None) -> list[Any]:
        """Let a candidate take over by the owner's word."""
        return self._act(lambda by: self._swaps.switch(_key(pressed), by), request, profile)

    def undo(self, pressed: gr.EventData, request: gr.Request, profile: gr.OAuthProfile | None) -> list[Any]:
        """Take the last switch of a checkpoint back."""
        return self._act(lambda by: self._swaps.undo(_key(pressed), by), request, profile)

    def _act(
        self, action: Callable[[str], Standing], request: gr.Request, profile: gr.OAuthProfile | None
    ) -> list[Any]:
        # Hiding the buttons protects nothing: anybody may post what they would.
        if not self._is_owner(request, profile):
            raise UserError(text.NOT_OWNER)
        try:
            standing, refusal = action(swap_words.OWNER if profile is None else profile.username), ""
        except UserError as error:
            # In a line of its own: the others are drawn anew every second.
            standing, refusal = self._swaps.standing(), str(error)
        return [status(refusal), *drawn(standing)]


def drawn(standing: Standing) -> list[Any]:
    """Return what the owner sees of a standing, in the order of `Components.drawn`."""
    return [
        gr.update(visible=True),
        gr.update(active=True),
        gr.update(interactive=standing.busy),
        swap_view.said(standing),
        swap_view.rows(standing),
        swap_view.record(standing),
    ]


def _key(pressed: gr.EventData) -> str:
    return str(getattr(pressed, "key", ""))
