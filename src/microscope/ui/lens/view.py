"""What the Lens tab shows, as data: a pane for each checkpoint, and a run's steps; knows no component."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from microscope.lens.events import LensEvent
from microscope.lens.findings import ATTENTION, Change, Finding, Heat, ReadOut
from microscope.lens.methods import METHODS
from microscope.lens.methods.base import Described, Description
from microscope.lens.timeline import Stage, best, mean_probability
from microscope.records import AnswerEvent, AnswerRequest, Box, State
from microscope.ui import text
from microscope.ui.lens import payload

WAITS = (State.QUEUED, State.FETCHING, State.LOADING)
# What a small map of a step shows.
SHOWN = ("relevance", "attention")


@dataclass(frozen=True)
class Pane:
    """One checkpoint's pane: where its work stands, and under which address its finding is kept.

    `probability` is that of a run's reference answer, `head` the layer and head whose map was asked for.
    """

    key: str
    label: str
    state: str = State.QUEUED.value
    message: str = ""
    address: str = ""
    change: Change | None = None
    readout: ReadOut | None = None
    probability: float | None = None
    head: tuple[int, int] | None = None


@dataclass(frozen=True)
class Look:
    """One visitor's state on the tab: what was looked at. It lives as long as the visit; findings lie in the store.

    Of an example's own question, `evidence` are the boxes that prove the answer. `source` is the picture as the page
    gets it.
    """

    request: AnswerRequest | None = None
    panes: tuple[Pane, ...] = ()
    example: str | None = None
    evidence: tuple[Box, ...] = ()
    source: str = field(default="", repr=False)

    def with_panes(self, panes: Mapping[str, Pane]) -> Look:
        """Return the state with some panes replaced, by key."""
        return replace(self, panes=tuple(panes.get(pane.key, pane) for pane in self.panes))

    def pane(self, key: str) -> Pane | None:
        """Return a checkpoint's pane."""
        return next((pane for pane in self.panes if pane.key == key), None)


Find = Callable[[str], Finding | None]


def apply(pane: Pane, told: LensEvent, doing: str = State.GENERATING.value) -> Pane:
    """Return a pane after an event; `doing` is what it is called that the model does now."""
    event = told.event
    state = doing if event.state is State.GENERATING else event.state.value
    address = told.finding.address if told.finding is not None else pane.address
    probability = mean_probability(told.score) if told.score else pane.probability
    return replace(
        pane,
        state=state,
        message=_message(event),
        address=address,
        change=told.change or pane.change,
        readout=told.readout or pane.readout,
        probability=probability,
    )


def _message(event: AnswerEvent) -> str:
    if event.state is State.LOADING:
        return text.loading(event.bytes_done, event.bytes_total, event.ahead, event.seconds)
    if event.state is State.QUEUED:
        return event.message or (text.queued(event.ahead, event.seconds) if event.seconds else "")
    if event.state is State.FETCHING and event.bytes_total:
        return f"{text.megabytes(event.bytes_done)} of {text.megabytes(event.bytes_total)}"
    if event.state is State.GENERATING and event.answer is None:
        return event.text
    return event.message


def page(look: Look, live: Mapping[str, Finding], find: Find, *, busy: bool = False) -> dict[str, Any] | None:
    """Return the payload of the panes; `live` findings, by key, go before those that are kept."""
    if look.request is None:
        return None
    panes = [_pane(pane, live.get(pane.key) or _kept(pane, find), evidence=look.evidence) for pane in look.panes]
    asked = look.request
    return payload.page(asked.picture, asked.question, panes, busy=busy, evidence=look.evidence, source=look.source)


def run_page(
    look: Look, name: str, reference: str, find: Find, steps: Mapping[str, int], *, busy: bool = False
) -> dict[str, Any] | None:
    """Return the payload of a run's steps, given by key, with the best one marked where there is a reference."""
    if look.request is None:
        return None
    found = {pane.key: _kept(pane, find) for pane in look.panes}
    stages = [
        Stage(pane.key, pane.label, steps[pane.key], _text(found[pane.key]), pane.probability) for pane in look.panes
    ]
    marked, why = best(stages, reference)
    shown = tuple(
        payload.Step(one.key, one.label, one.step, one.text, one.probability, _pane(pane, found[pane.key], SHOWN))
        for one, pane in zip(stages, look.panes, strict=True)
    )
    run = payload.Run(name, shown, reference, None if busy else marked, "" if busy else why)
    return payload.timeline(look.request.picture, look.request.question, run, busy=busy, source=look.source)


def _text(finding: Finding | None) -> str:
    return "" if finding is None else finding.answer.text


def _kept(pane: Pane, find: Find) -> Finding | None:
    return find(pane.address) if pane.address else None


def _pane(
    pane: Pane, finding: Finding | None, methods: tuple[str, ...] = (), evidence: tuple[Box, ...] = ()
) -> dict[str, Any]:
    wanted: list[Described] = [method for method in METHODS if not methods or method.key in methods]
    if finding is not None and methods:
        # A run's steps show the whole answer, and many stand side by side.
        heats = tuple(heat for heat in finding.heats if heat.token is None and heat.method in methods)
        finding = replace(finding, heats=heats, rows=finding.rows[:0])
    if finding is not None and pane.head is not None:
        wanted, finding = _with_head(wanted, finding, *pane.head)
    return payload.pane(
        finding,
        key=pane.key,
        label=pane.label,
        state=pane.state,
        message=pane.message,
        methods=wanted,
        change=pane.change,
        readout=pane.readout,
        evidence=evidence,
    )


def _with_head(wanted: list[Described], finding: Finding, layer: int, head: int) -> tuple[list[Described], Finding]:
    """Return the methods and the finding with the map of one head, for the whole answer and for each token."""
    key = f"head:{layer}:{head}"
    label = text.HEAD.format(layer=layer + 1, head=head + 1)
    rows = finding.rows[:, layer, head].astype(np.float32)
    maps = [Heat(key, None, rows.mean(0)), *(Heat(key, token, row) for token, row in enumerate(rows))]
    described = Description(key, label, ATTENTION, text.HEAD_UNIT, text.HEAD_NOTE)
    return [*wanted, described], replace(finding, heats=(*finding.heats, *maps))
