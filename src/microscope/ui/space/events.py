"""Connects the banner and the Setup tab to the facts of this copy; every event asks first who it is that asks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from microscope.engine.answers import ANSWER
from microscope.engine.build import Engine
from microscope.errors import UserError
from microscope.hardware import Machine, tier
from microscope.settings import Settings
from microscope.space.checklist import BEGIN, checklist, missing
from microscope.space.facts import Facts, facts_of
from microscope.space.findings import Finding
from microscope.space.sleeping import Sleep, sleep_finding, sleep_of
from microscope.ui import text
from microscope.ui.errors import shown
from microscope.ui.space import markup, words
from microscope.ui.space.costs import Running, costs
from microscope.ui.space.layout import Components

LIGHT = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
Owns = Callable[[gr.Request, gr.OAuthProfile | None], bool]


@dataclass(frozen=True)
class Source:
    """What is shown, as functions: the facts of this copy, how it runs, and when the Hub lets it sleep.

    `is_owner` judges by the request and by who signed in, if anybody did.
    """

    facts: Callable[[], Facts]
    running: Callable[[], Running]
    sleep: Callable[[str], Sleep]
    is_owner: Owns


def source_of(engine: Engine, settings: Settings, owns: Owns) -> Source:
    """Return the source over a running engine."""
    began, ledger = time.monotonic(), engine.answerer.door.ledger
    billed = _billed(engine.machine, settings)
    return Source(
        facts=lambda: replace(facts_of(settings, engine.machine, engine.catalog), machine=billed),
        running=lambda: Running(billed, time.monotonic() - began, ledger.usage(ANSWER), ledger.spent()),
        sleep=lambda space: Sleep(known=False) if settings.offline else sleep_of(space),
        is_owner=owns,
    )


def _billed(machine: Machine, settings: Settings) -> Machine:
    """Return the machine with the hardware that the platform bills, also where its GPU cannot be used."""
    named = tier(settings.platform.accelerator or "") if machine.kind != "zero" else None
    return machine if named is None else replace(machine, tier=named)


def wire(demo: gr.Blocks, here: gr.Tab, banner: gr.HTML, tab: Components, handlers: Handlers) -> None:
    """Connect both: who opens the page is looked at once, and again at every look at the tab."""
    demo.load(handlers.show_setup, None, [here, banner], **LIGHT)
    drawn = [tab.intro, tab.findings, tab.costs]
    gr.on([here.select, tab.refresh.click], shown(handlers.draw_setup), None, drawn, **LIGHT)


class Handlers:
    """The event handlers; a stranger gets nothing that is not everybody's."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def show_setup(self, request: gr.Request, profile: gr.OAuthProfile | None) -> tuple[dict[str, Any], ...]:
        """Show the tab to the owner, and the banner where something is missing on a Space."""
        if not self._source.is_owner(request, profile):
            return gr.update(visible=False), gr.update(value="", visible=False)
        facts = self._source.facts()
        found = missing(checklist(facts)) if facts.space is not None else ()
        return gr.update(visible=True), gr.update(value=markup.banner(found, _begin(facts)), visible=bool(found))

    def draw_setup(self, request: gr.Request, profile: gr.OAuthProfile | None) -> tuple[str, str, str]:
        """Draw the tab anew: what it is, the list, the costs."""
        # A hidden tab protects nothing: anybody may post what opening it would.
        if not self._source.is_owner(request, profile):
            raise UserError(text.NOT_OWNER)
        facts, running = self._source.facts(), self._source.running()
        found = list(checklist(facts))
        if facts.space is not None:
            sleep = self._source.sleep(facts.space)
            told = sleep_finding(facts.space, facts.machine.tier, sleep)
            found.insert(_after(found, words.HARDWARE), told)
            running = replace(running, sleep=told.detail.rstrip("."), sleep_seconds=sleep.seconds, on_space=True)
        return _intro(facts), markup.groups(found), costs(running)


def _after(findings: list[Finding], subject: str) -> int:
    return 1 + next(place for place, finding in enumerate(findings) if finding.subject == subject)


def _begin(facts: Facts) -> str:
    """Return the sentence that nothing is needed to begin, where that is so."""
    return BEGIN if facts.offered.embedded else ""


def _intro(facts: Facts) -> str:
    if facts.space is None:
        return markup.note(words.HERE_ONLY)
    page = markup.link(facts.settings_page, words.SETTINGS_PAGE)
    return f'{markup.note(words.ONLY_YOU, _begin(facts))}<p class="vm-note">{page}</p>'
