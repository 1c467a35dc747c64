"""Findings as the command line prints them: lines for people, JSON for programs, a picture; knows no terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from microscope.errors import UserError
from microscope.lens.events import LensEvent
from microscope.lens.inquiry import Inquiry
from microscope.lens.methods import find_method
from microscope.lens.report import change_to_dict, finding_to_dict
from microscope.records import AnswerRequest
from microscope.ui.lens.poster import Shown, poster_png
from microscope.ui.lens.words import WORDS

BEST = 3


def as_lines(events: Sequence[LensEvent], inquiry: Inquiry) -> str:
    """Return what was found in a few lines a checkpoint: answer, badge, best patches, and what it is without."""
    return "\n".join(line for event in events for line in _lines(event, inquiry))


def as_json(request: AnswerRequest, events: Sequence[LensEvent]) -> str:
    """Return everything that was found as JSON, one object a checkpoint."""
    rows = [
        {
            "checkpoint": event.checkpoint,
            "state": event.event.state.value,
            "message": event.event.message,
            "question": request.question,
            "finding": finding_to_dict(event.finding) if event.finding is not None else None,
            "change": change_to_dict(event.change) if event.change is not None else None,
        }
        for event in events
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def check_png(path: Path) -> None:
    """Refuse a place where no picture can be written, before anything is computed."""
    if not path.parent.is_dir():
        raise UserError(f"There is no folder {path.parent} to write the picture into; make it, or name another.")
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file to write the picture into.")


def write_png(path: Path, request: AnswerRequest, events: Sequence[LensEvent], inquiry: Inquiry) -> None:
    """Write the maps over the picture."""
    method, shown = find_method(inquiry.method), []
    for event in events:
        if event.finding is not None:
            heat = event.finding.heat(inquiry.method, inquiry.token)
            shown.append(Shown(event.finding, heat, method if heat is not None else None))
    path.write_bytes(poster_png(request.picture, request.question, shown))


def _lines(event: LensEvent, inquiry: Inquiry) -> list[str]:
    finding = event.finding
    if finding is None or event.event.message:
        return [f"{event.checkpoint}: {event.event.message}"]
    said = [f"{event.checkpoint}: {finding.answer.text}"]
    heat = finding.heat(inquiry.method, inquiry.token)
    if heat is None:
        return [*said, "  this answer has no such token"]
    method = find_method(inquiry.method)
    said.append(f"  {method.label} ({method.note})")
    if heat.badge is not None:
        kept, chance = heat.badge.kept()
        said.append(
            f"  the best 20 % of the patches keep {kept:.0%} of the probability per token, "
            f"a random 20 % keeps {chance:.0%}"
        )
        if heat.badge.by_chance:
            said.append(f"  {WORDS['by_chance']}")
    cells = finding.layout.cells
    order = [cell for cell in heat.values.argsort()[::-1].tolist() if cells[cell].box is not None][:BEST]
    places = (cells[cell].box for cell in order)
    spots = ", ".join(f"{box.left:.0%} {box.top:.0%}" for box in places if box is not None)
    said.append(f"  strongest at (left, top): {spots}")
    if event.change is not None:
        change = event.change
        said.append(
            f"  without {len(change.rejected)} patches: {change.text} "
            f"(p per token {change.before:.3f} -> {change.after:.3f}; "
            f"with their pixels blanked {change.pixels_after:.3f})"
        )
    return said
