"""What the Lens tab does, as functions on plain data; knows no component and no event."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from microscope.catalog.spec import ModelSpec
from microscope.errors import UserError
from microscope.lens.events import LensEvent
from microscope.lens.findings import EVIDENCE, Finding
from microscope.lens.lens import Lens
from microscope.lens.methods import find_method
from microscope.lens.selection import RULES, Selection, select
from microscope.lens.timeline import runs
from microscope.records import AnswerRequest, Picture, State
from microscope.ui import text
from microscope.ui.compare.actions import MOST_CHECKPOINTS, Actions, Stops
from microscope.ui.compare.link import Link
from microscope.ui.lens import view
from microscope.ui.lens.payload import picture_source
from microscope.ui.lens.view import Look, Pane

REDRAW_SECONDS = 0.2
EXPLAINING, GATHERING, ANSWERING, STOPPED = "explaining", "gathering", State.GENERATING.value, "stopped"

Shown = tuple[dict[str, Any] | None, Look]


@dataclass(frozen=True)
class LensActions:
    """The tab's actions over one lens; made once, before launch. What is asked is checked as on the Compare tab."""

    lens: Lens
    compare: Actions
    stops: Stops = field(default_factory=Stops)

    @property
    def runs(self) -> dict[str, tuple[ModelSpec, ...]]:
        """Return the runs that can be followed now."""
        return runs(self.compare.engine.catalog)

    def look(self, visitor: str, request: AnswerRequest) -> Iterator[Shown]:
        """Yield the tab's payload as each checkpoint answers and is looked into, and the visitor's state."""
        yield from self._follow(visitor, self._begun(request), self.lens.look(request), ANSWERING)

    def explain(
        self, visitor: str, look: Look, method: str, token: int | None, keys: tuple[str, ...] = ()
    ) -> Iterator[Shown]:
        """Yield the payload as a map of a token is made in some panes: those of `keys`, by default all."""
        request = self._again(look, keys)
        doing = GATHERING if find_method(method).tier == EVIDENCE else EXPLAINING
        yield from self._follow(visitor, look, self.lens.explain(request, method, token), doing)

    def reject(self, visitor: str, look: Look, rule: str, rejected: dict[str, list[int]]) -> Iterator[Shown]:
        """Yield the payload as each checkpoint answers without the cells that are rejected, given by its key."""
        if rule not in [one.key for one in RULES]:
            raise UserError(text.UNKNOWN_RULE.format(rule=rule, known=", ".join(one.key for one in RULES)))
        selections: dict[str, Selection] = {}
        for key, cells in rejected.items():
            finding = self._finding(look, key)
            if finding is not None:
                selections[key] = select(finding.layout, cells, rule)
        if not selections:
            raise UserError(text.NOTHING_LOOKED)
        request = self._again(look, tuple(selections))
        yield from self._follow(
            visitor, look, self.lens.reject(request, lambda finding: selections.get(finding.checkpoint)), ANSWERING
        )

    def read(self, visitor: str, look: Look, key: str, cell: int) -> Iterator[Shown]:
        """Yield the payload with what one patch of a checkpoint reads as."""
        yield from self._follow(visitor, look, self.lens.read(self._again(look, (key,)), cell), EXPLAINING)

    def pick_head(self, look: Look, key: str, layer: int, head: int) -> Shown:
        """Return the payload with the map of one attention head in a pane."""
        finding, pane = self._finding(look, key), look.pane(key)
        if finding is None or pane is None:
            raise UserError(text.NOTHING_LOOKED)
        _, layers, heads, _ = finding.rows.shape
        if not (0 <= layer < layers and 0 <= head < heads):
            raise UserError(text.NO_HEAD.format(layer=layer + 1, head=head + 1))
        look = look.with_panes({key: replace(pane, head=(layer, head))})
        return self.draw(look), look

    def follow(self, visitor: str, request: AnswerRequest, run: str, reference: str) -> Iterator[Shown]:
        """Yield the timeline's payload as each checkpoint of a run answers, and the reference is scored, if given."""
        specs = self.runs.get(run)
        if specs is None:
            raise UserError(text.UNKNOWN_RUN.format(run=run, known=", ".join(self.runs) or "none"))
        request = replace(request, checkpoints=tuple(spec.key for spec in specs))
        steps, reference = {spec.key: spec.step or 0 for spec in specs}, reference.strip()
        look = self._begun(request)
        events = self._in_turn(request, reference)
        for state, _, busy in self._states(visitor, look, events, ANSWERING):
            look = state
            yield view.run_page(look, run, reference, self.lens.findings.get, steps, busy=busy), look

    def recall(self, picture: Picture, link: Link) -> Shown:
        """Return the payload of what is known of a link's checkpoints; nothing is computed."""
        keys = tuple(key for key in link.checkpoints if self.compare.engine.catalog.get(key) is not None)
        request = AnswerRequest(picture, link.question, keys, link.settings)
        live, look = {}, self._begun(request)
        for event in self.lens.look(request, compute=False):
            pane = look.pane(event.checkpoint)
            if pane is not None and event.finding is not None:
                look = look.with_panes({pane.key: view.apply(pane, event)})
                live[pane.key] = event.finding
        look = replace(look, panes=tuple(pane for pane in look.panes if pane.address))
        return (view.page(look, live, self.lens.findings.get), look) if look.panes else (None, Look())

    def _in_turn(self, request: AnswerRequest, reference: str) -> Iterator[LensEvent]:
        """Yield what becomes known of many checkpoints: as many in one call as a look may have."""
        keys = request.checkpoints
        for start in range(0, len(keys), MOST_CHECKPOINTS):
            some = replace(request, checkpoints=keys[start : start + MOST_CHECKPOINTS])
            yield from self.lens.score(some, reference) if reference else self.lens.look(some)

    def draw(self, look: Look) -> dict[str, Any] | None:
        """Return the payload of what is known."""
        return view.page(look, {}, self.lens.findings.get)

    def findings(self, look: Look) -> tuple[Finding, ...]:
        """Return the findings on the tab, in the panes' order."""
        found = (self._finding(look, pane.key) for pane in look.panes)
        return tuple(finding for finding in found if finding is not None)

    def _follow(self, visitor: str, look: Look, events: Iterator[LensEvent], doing: str) -> Iterator[Shown]:
        for state, live, busy in self._states(visitor, look, events, doing):
            yield view.page(state, live, self.lens.findings.get, busy=busy), state

    def _states(
        self, visitor: str, look: Look, events: Iterator[LensEvent], doing: str
    ) -> Iterator[tuple[Look, dict[str, Finding], bool]]:
        """Yield the state as events come, at most five times a second, and at the end; Stop ends it."""
        live: dict[str, Finding] = {}
        flag, drawn = self.stops.start(visitor), 0.0
        try:
            for event in events:
                pane = look.pane(event.checkpoint)
                if pane is None:
                    continue
                changed = view.apply(pane, event, doing)
                look = look.with_panes({pane.key: changed})
                if event.finding is not None:
                    live[pane.key] = replace(event.finding, label=pane.label)
                if flag.is_set():
                    look = _stopped(look)
                    break
                if changed.state != pane.state or time.monotonic() - drawn >= REDRAW_SECONDS:
                    yield look, live, True
                    drawn = time.monotonic()
        finally:
            if close := getattr(events, "close", None):
                close()
            self.stops.end(visitor)
        yield look, {key: self._with_kept(finding) for key, finding in live.items()}, False

    def _with_kept(self, finding: Finding) -> Finding:
        """Return a finding with the maps that were kept since it began: the visitor may have asked for others."""
        kept = self.lens.findings.get(finding.address)
        if kept is None:
            return finding
        maps = {(heat.method, heat.token): heat for heat in (*kept.heats, *finding.heats)}
        return replace(finding, heats=tuple(maps.values()))

    def _begun(self, request: AnswerRequest) -> Look:
        panes = tuple(Pane(key, self.compare.label(key)) for key in request.checkpoints)
        source = picture_source(request.picture)
        example = self.compare.example_of(request.picture)
        if example is None:
            return Look(request, panes, source=source)
        asks = request.question.casefold() == example.question.casefold()
        return Look(request, panes, example.id, example.evidence if asks else (), source)

    def _again(self, look: Look, keys: tuple[str, ...]) -> AnswerRequest:
        if look.request is None:
            raise UserError(text.NOTHING_LOOKED)
        known = tuple(pane.key for pane in look.panes if pane.address and (not keys or pane.key in keys))
        if not known:
            raise UserError(text.NOTHING_LOOKED)
        return replace(look.request, checkpoints=known)

    def _finding(self, look: Look, key: str) -> Finding | None:
        pane = look.pane(key)
        finding = self.lens.findings.get(pane.address) if pane is not None and pane.address else None
        return replace(finding, checkpoint=key, label=pane.label) if finding is not None and pane is not None else None


def _stopped(look: Look) -> Look:
    over = (State.DONE.value, State.FAILED.value)
    return replace(
        look,
        panes=tuple(
            pane
            if pane.state in over
            else replace(pane, state=State.DONE.value if pane.address else STOPPED, message=text.STOPPED)
            for pane in look.panes
        ),
    )
