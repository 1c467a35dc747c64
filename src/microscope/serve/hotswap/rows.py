"""What the board shows of one checkpoint, from what is known of it; pure but for the files that tell a commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from microscope.catalog.spec import ModelSpec
from microscope.engine.files import Fetcher
from microscope.serve.hotswap import words
from microscope.serve.hotswap.finding import Change, Found, running_at
from microscope.serve.hotswap.places import at, place_of
from microscope.serve.hotswap.record import KEPT, STAGED, SWITCHED, UNDONE, Decision
from microscope.serve.hotswap.standing import Row, State

BY_ACTION = {SWITCHED: State.SWITCHED, STAGED: State.STAGED, KEPT: State.KEPT, UNDONE: State.KEPT}


@dataclass(frozen=True)
class Known:
    """What the record knows of a checkpoint: the decision that holds, and the switch that can be undone."""

    decision: Decision | None = None
    switch: Decision | None = None


def row_of(spec: ModelSpec, fetcher: Fetcher, known: Known, change: Change | None) -> Row:
    """Return the row of a checkpoint that answers at `spec`; `change` is what could answer instead.

    Its state and sentence are those of somebody who has done nothing yet.
    """
    candidate = "" if change is None else place_of(change.candidate).state
    decision = known.decision
    staged = decision is not None and change is not None and decision.stands == place_of(change.candidate)
    return Row(
        key=spec.key,
        label=spec.label,
        source=Path(spec.source).name if spec.folder else spec.source,
        current=current_state(spec, fetcher),
        candidate=candidate,
        outcome=decision.judgement.outcome if decision is not None else "",
        can_switch=change is not None and not staged,
        can_undo=known.switch is not None,
    )


def current_state(spec: ModelSpec, fetcher: Fetcher) -> str:
    """Return the revision that answers now as an answer's facts tell it; empty where nobody asked for it yet."""
    known = fetcher.known(spec)
    return known.revision if known is not None else running_at(spec, fetcher).state


def remembered(spec: ModelSpec, fetcher: Fetcher, known: Known) -> tuple[Row, Change | None]:
    """Return the row of a checkpoint at a start, and what the record says could answer instead."""
    change, decision = None, known.decision
    if decision is not None and decision.refused is not None:
        change = Change(decision.asked, spec, at(spec, decision.refused))
    row = row_of(spec, fetcher, known, change)
    if decision is None:
        return row, None
    state = State.SWITCHED if decision.action == STAGED else BY_ACTION[decision.action]
    sentence = decision.sentence if decision.action == KEPT else words.took_effect(decision)
    return replace(row, state=state, sentence=sentence), change


def found_rows(found: Found, fetcher: Fetcher, known_of: Callable[[str], Known]) -> list[Row]:
    """Return the rows after a look around: in the order of the catalogue, and at the end those that are gone."""
    changes = {change.current.key: change for change in found.changed}
    listed = {spec.key: spec for spec in (*found.catalog.specs, *found.new, *found.refused)}
    ordered = [listed.pop(key) for key in found.asked if key in listed]
    rows = []
    for spec in (*ordered, *listed.values()):
        row = row_of(spec, fetcher, known_of(spec.key), changes.get(spec.key))
        rows.append(replace(row, **_said(spec, found, changes)))
    return [*rows, *(_gone(spec) for spec in found.gone)]


def _said(spec: ModelSpec, found: Found, changes: dict[str, Change]) -> dict[str, Any]:
    """Return the state and the sentence of a checkpoint before anything is done about it."""
    if spec.key in found.failed:
        reason = found.failed[spec.key]
        stays = words.NOT_LOOKED_UP.format(label=spec.label, reason=reason)
        sentence = words.not_offered(spec.label, reason) if spec in found.refused else stays
        return {"state": State.FAILED, "sentence": sentence}
    if spec.key in changes or spec in found.new:
        name = place_of(changes[spec.key].candidate if spec.key in changes else spec).name
        return {"state": State.WAITING, "sentence": words.WAITING.format(candidate=name)}
    if spec.key in found.edited or spec.key in found.replaced:
        sentence = words.EDITED if spec.key in found.edited else words.REPLACED
        return {"state": State.EDITED, "sentence": sentence.format(label=spec.label)}
    return {"state": State.UNCHANGED, "sentence": words.NOTHING_NEWER}


def _gone(spec: ModelSpec) -> Row:
    source = Path(spec.source).name if spec.folder else spec.source
    return Row(spec.key, spec.label, source, State.GONE, words.GONE.format(label=spec.label))
