"""Connects the Models tab's components to the engine's actions; decides nothing but who may act."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from microscope.engine.overview import Overview
from microscope.errors import UserError
from microscope.ui import text
from microscope.ui.errors import shown
from microscope.ui.models.layout import Components
from microscope.ui.models.table import history, said, summary, table

LIGHT = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True)
class Source:
    """What the tab shows and does, as functions; those that act say what happened, or raise a `UserError`.

    `is_owner` judges by the request and by who signed in, if anybody did.
    """

    overview: Callable[[], Overview]
    load: Callable[[str], str]
    unload: Callable[[str], str]
    pin: Callable[[str, bool], str]
    is_owner: Callable[[gr.Request, gr.OAuthProfile | None], bool]


def wire(demo: gr.Blocks, tab: Components, here: gr.Tab, others: list[gr.Tab], handlers: Handlers) -> None:
    """Connect everything on the tab: it is drawn anew while it is the one that is looked at."""
    drawn = [tab.summary, tab.table, tab.history]
    here.select(handlers.opened, None, [tab.timer, *drawn], **LIGHT)
    for other in others:
        other.select(handlers.left, None, tab.timer, **LIGHT)
    gr.on([tab.timer.tick, tab.refresh.click], handlers.draw, None, drawn, **LIGHT)
    greeted = [tab.owner, *([tab.sign_in] if tab.sign_in is not None else [])]
    demo.load(handlers.greet, None, greeted, **LIGHT)
    if tab.buttons is None:
        return
    for button, handler in (
        (tab.buttons.load, handlers.load),
        (tab.buttons.unload, handlers.unload),
        (tab.buttons.pin, handlers.pin),
        (tab.buttons.unpin, handlers.unpin),
    ):
        button.click(shown(handler), tab.buttons.model, [tab.buttons.status, *drawn], **LIGHT)


class Handlers:
    """The tab's event handlers: they read components' values and write components' updates."""

    def __init__(self, source: Source, *, signs_in: bool, clock: Callable[[], float] = time.time) -> None:
        self._source, self._signs_in, self._clock = source, signs_in, clock

    def greet(self, request: gr.Request, profile: gr.OAuthProfile | None) -> Any:  # noqa: ANN401  (one update or two)
        """Show the owner's part to the owner, and to whom signed in the way out."""
        owner = gr.update(visible=self._source.is_owner(request, profile))
        if not self._signs_in:
            return owner
        label = text.SIGN_IN if profile is None else text.SIGN_OUT.format(profile.username)
        return owner, gr.update(value=label)

    def draw(self) -> tuple[str, str, str]:
        """Draw what the engine shows now."""
        seen, now = self._source.overview(), self._clock()
        return summary(seen), table(seen, now), history(seen, now)

    def opened(self) -> tuple[Any, ...]:
        """Draw the tab that was just opened, and go on doing so."""
        return gr.update(active=True), *self.draw()

    def left(self) -> dict[str, Any]:
        """Draw no more: another tab is looked at."""
        return gr.update(active=False)

    def load(self, key: str | None, request: gr.Request, profile: gr.OAuthProfile | None) -> tuple[str, ...]:
        """Load a checkpoint."""
        return self._act(self._source.load, key, request, profile)

    def unload(self, key: str | None, request: gr.Request, profile: gr.OAuthProfile | None) -> tuple[str, ...]:
        """Unload a checkpoint."""
        return self._act(self._source.unload, key, request, profile)

    def pin(self, key: str | None, request: gr.Request, profile: gr.OAuthProfile | None) -> tuple[str, ...]:
        """Keep a checkpoint in memory for good."""
        return self._act(lambda one: self._source.pin(one, True), key, request, profile)

    def unpin(self, key: str | None, request: gr.Request, profile: gr.OAuthProfile | None) -> tuple[str, ...]:
        """Let a checkpoint go when its room is needed."""
        return self._act(lambda one: self._source.pin(one, False), key, request, profile)

    def _act(
        self, action: Callable[[str], str], key: str | None, request: gr.Request, profile: gr.OAuthProfile | None
    ) -> tuple[str, ...]:
        # Hiding the buttons protects nothing: anybody may post what they would.
        if not self._source.is_owner(request, profile):
            raise UserError(text.NOT_OWNER)
        if not key:
            return said(text.NO_MODEL), *self.draw()
        try:
            outcome = action(key)
        except UserError as error:
            outcome = str(error)
        return said(outcome), *self.draw()
