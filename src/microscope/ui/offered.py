"""Keeps the page's choices what is offered now: whoever opens the page, or a tab of it, finds what came since."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.events import Dependency

from microscope.catalog.spec import BadEntry, Catalog
from microscope.lens.timeline import runs
from microscope.ui.compare.layout import Components as Compare
from microscope.ui.compare.layout import first_choice, greyed
from microscope.ui.evaluate.layout import Components as Evaluate
from microscope.ui.lens.layout import Components as Lens
from microscope.ui.lens.layout import first_look, timeline_note
from microscope.ui.models.layout import Components as Models

LIGHT = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True)
class Offer:
    """What a page lets choose: checkpoints by label and key, runs, and what cannot be used."""

    checkpoints: tuple[tuple[str, str], ...]
    runs: tuple[str, ...]
    bad: tuple[BadEntry, ...]

    @property
    def keys(self) -> list[str]:
        """Return the checkpoints' keys, in order."""
        return [key for _, key in self.checkpoints]


# Makes a component's update from the offer and the component's value.
Update = Callable[[Offer, Any], Any]


def offer_of(catalog: Catalog) -> Offer:
    """Return what a catalogue lets choose."""
    return Offer(tuple((spec.label, spec.key) for spec in catalog.specs), tuple(runs(catalog)), catalog.bad)


@dataclass(frozen=True)
class Page:
    """The tabs that let choose among what is offered."""

    compare: Compare
    lens: Lens
    evaluate: Evaluate
    models: Models

    def fields(self) -> list[tuple[gr.components.Component, Update]]:
        """Return every component that depends on the offer, with what updates it."""
        timeline, buttons = self.lens.timeline, self.models.buttons
        found: list[tuple[gr.components.Component, Update]] = [
            (self.compare.checkpoints, several(first_choice)),
            (self.lens.asking.checkpoints, several(first_look)),
            (self.evaluate.choosing.checkpoints, several(first_choice)),
            (self.compare.unavailable, lambda offer, _: gr.update(value=greyed(offer.bad), visible=bool(offer.bad))),
            (timeline.run, lambda offer, chosen: one([(name, name) for name in offer.runs], chosen)),
            (timeline.note, lambda offer, _: timeline_note(offer.runs)),
            (timeline.follow, lambda offer, _: gr.update(interactive=bool(offer.runs))),
        ]
        if buttons is not None:
            found.append((buttons.model, lambda offer, chosen: one(offer.checkpoints, chosen)))
        return found


def wire(demo: gr.Blocks, tabs: Sequence[gr.Tab], page: Page, catalog: Callable[[], Catalog]) -> Dependency:
    """Connect the page's choices to what `catalog` returns, and return the event of opening the page.

    What a link chooses has to come after it.
    """
    components = [component for component, _ in page.fields()]
    follow = Following(catalog, [update for _, update in page.fields()]).follow
    seen = gr.State(offer_of(catalog()))
    opened = demo.load(follow, [seen, *components], [seen, *components], **LIGHT)
    gr.on([tab.select for tab in tabs], follow, [seen, *components], [seen, *components], **LIGHT)
    return opened


class Following:
    """The handler: it leaves alone what is as the page knows it, and of a visitor's choice what is still there."""

    def __init__(self, catalog: Callable[[], Catalog], updates: Sequence[Update]) -> None:
        self._catalog, self._updates = catalog, updates

    def follow(self, seen: Offer, *values: Any) -> list[Any]:  # noqa: ANN401
        """Update what depends on the offer, where it is not the one that the page has seen."""
        offer = offer_of(self._catalog())
        if offer == seen:
            return [gr.skip()] * (1 + len(self._updates))
        return [offer, *(update(offer, value) for update, value in zip(self._updates, values, strict=True))]


def several(first: Callable[[list[str]], list[str]]) -> Update:
    """Return what updates a choice of checkpoints: those that are gone are let go, and where none is left, `first`."""

    def update(offer: Offer, chosen: list[str] | None) -> dict[str, Any]:
        kept = [key for key in chosen or [] if key in offer.keys]
        if kept == (chosen or []):
            return gr.update(choices=list(offer.checkpoints))
        return gr.update(choices=list(offer.checkpoints), value=kept or first(offer.keys))

    return update


def one(choices: Sequence[tuple[str, str]], chosen: str | None) -> dict[str, Any]:
    """Return the update of a choice of one: what is gone gives way to the first."""
    values = [value for _, value in choices]
    return gr.update(choices=list(choices), value=chosen if chosen in values else next(iter(values), None))
