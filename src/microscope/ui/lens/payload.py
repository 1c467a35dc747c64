"""Findings as the payload that the lens draws in the browser: plain JSON; knows no Gradio and computes no map.

Arrays travel as base64: maps as unsigned 16-bit steps between their lowest and highest value, attention heads as
unsigned bytes. Cells keep the order of the layout, and a cell without a place has no box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from microscope.lens.colours import DIFFERENCE, HEAT
from microscope.lens.findings import CONTROL, Badge, Change, Cost, Finding, Heat, ReadOut
from microscope.lens.layout import Layout
from microscope.lens.methods.base import Described
from microscope.lens.raster import mass_in, pointing
from microscope.lens.report import frame_to_dict
from microscope.lens.selection import random_order
from microscope.records import Answer, Box, Picture
from microscope.ui.compare.columns import facts
from microscope.ui.lens.packing import packed, packed_bytes, packed_heads

LONGEST_SIDE = 1024
SMALL_PICTURE = 256 * 256
ORDER_SEED = 0
VISION_UNIT = "attention received"

Json = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One checkpoint of a run: its step, what it answers, the reference answer's probability, and its pane."""

    key: str
    label: str
    step: int
    text: str
    probability: float | None
    pane: Json


@dataclass(frozen=True)
class Run:
    """A run's checkpoints in order, the index of the best one with the reason, and the answer they are measured by."""

    name: str
    steps: tuple[Step, ...]
    reference: str = ""
    best: int | None = None
    why: str = ""


def page(
    picture: Picture,
    question: str,
    panes: Sequence[Json],
    *,
    busy: bool = False,
    message: str = "",
    evidence: Sequence[Box] = (),
    source: str = "",
) -> Json:
    """Return the payload of up to four panes over one picture; `evidence` proves the answer, where that is known.

    `source` is what `picture_source` returned for the picture, where a caller kept it; else it is made anew.
    """
    told = {"panes": list(panes), "timeline": None, "evidence": [_box(box) for box in evidence]}
    return _payload("lens", picture, source, question, busy=busy, message=message) | told


def timeline(
    picture: Picture, question: str, run: Run, *, busy: bool = False, message: str = "", source: str = ""
) -> Json:
    """Return the payload of a run's checkpoints over one picture; `source` is as for `page`."""
    steps = [
        {
            "key": one.key,
            "label": one.label,
            "step": one.step,
            "text": one.text,
            "probability": one.probability,
            "pane": one.pane,
        }
        for one in run.steps
    ]
    told = {"run": run.name, "reference": run.reference, "steps": steps, "best": run.best, "why": run.why}
    return _payload("timeline", picture, source, question, busy=busy, message=message) | {
        "panes": [],
        "timeline": told,
    }


def pane(
    finding: Finding | None,
    *,
    key: str,
    label: str,
    state: str = "done",
    message: str = "",
    methods: Sequence[Described] = (),
    change: Change | None = None,
    readout: ReadOut | None = None,
    evidence: Sequence[Box] = (),
) -> Json:
    """Return one checkpoint's pane; without a finding it holds where the checkpoint stands and nothing else.

    `state` is a `State` value, `explaining`, `gathering` or `stopped`; `message` tells of progress, or why it failed.
    """
    shown = {
        "key": key,
        "label": label,
        "state": state,
        "message": message,
        "without": _change(change) if change else None,
        "readout": _readout(readout) if readout else None,
    }
    if finding is None:
        absent: Json = dict.fromkeys(("answer", "layout", "heads", "vision"))
        return shown | absent | {"address": "", "maps": [], "random": [], "facts": []}
    return shown | {
        "address": finding.address,
        "answer": _answer(finding.answer, finding.prior),
        "layout": _layout(finding.layout),
        "maps": [_map(method, finding, evidence) for method in methods],
        "heads": packed_heads(finding.rows),
        "random": random_order(finding.layout, ORDER_SEED).tolist(),
        "vision": _vision(finding.vision),
        "facts": [list(pair) for pair in facts(finding.answer.facts)],
    }


def picture_source(picture: Picture) -> str:
    """Return the picture as a data address, at most 1024 pixels a side; every update of a page sends the same."""
    image = Image.frombytes("RGB", (picture.width, picture.height), picture.rgb)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    whole, held = image.width * image.height <= SMALL_PICTURE, BytesIO()
    image.save(held, "WEBP", lossless=whole, quality=90)
    return f"data:image/webp;base64,{packed_bytes(held.getvalue())}"


def _payload(mode: str, picture: Picture, source: str, question: str, *, busy: bool, message: str) -> Json:
    return {
        "mode": mode,
        "picture": {"src": source or picture_source(picture), "width": picture.width, "height": picture.height},
        "question": question,
        "busy": busy,
        "message": message,
        "lut": {"heat": packed_bytes(HEAT.tobytes()), "difference": packed_bytes(DIFFERENCE.tobytes())},
    }


def _answer(answer: Answer, prior: Sequence[float]) -> Json:
    known = [*prior, *([None] * len(answer.tokens))]
    tokens = [
        {"text": token.text, "logprob": token.logprob, "prior": before}
        for token, before in zip(answer.tokens, known, strict=False)
    ]
    return {"text": answer.text, "tokens": tokens, "finish": answer.facts.finish}


def _layout(layout: Layout) -> Json:
    return {
        "boxes": [_box(cell.box) if cell.box else None for cell in layout.cells],
        "view": [cell.view for cell in layout.cells],
        "seen": _box(layout.seen),
        "source": layout.source,
        "frames": [frame_to_dict(view) for view in layout.views],
    }


def _box(box: Box) -> list[float]:
    return [round(side, 5) for side in (box.left, box.top, box.right, box.bottom)]


def _map(method: Described, finding: Finding, evidence: Sequence[Box]) -> Json:
    told = {"method": method.key, "label": method.label, "tier": method.tier, "unit": method.unit, "note": method.note}
    return told | {"rows": [_row(heat, finding, evidence) for heat in finding.heats if heat.method == method.key]}


def _row(heat: Heat, finding: Finding, evidence: Sequence[Box]) -> Json:
    scored: Json = {"points": None, "mass": None}
    if evidence:
        layout = finding.layout
        scored = {
            "points": pointing(layout, heat.values, evidence),
            "mass": round(mass_in(layout, heat.values, evidence), 4),
        }
    return packed(heat.values) | {
        "token": heat.token,
        "cost": cost_line(heat.cost),
        "badge": _badge(heat.badge) if heat.badge else None,
        "done": heat.done,
        "total": heat.total,
        **scored,
    }


def _badge(badge: Badge) -> Json:
    curves = {
        name: [round(float(value), 5) for value in getattr(badge, name)]
        for name in ("fractions", "deletion", "keep", "random_deletion", "random_keep")
    }
    return curves | {"kept": list(badge.kept()), "by_chance": badge.by_chance}


def cost_line(cost: Cost) -> str:
    """Return what a map took, in words; empty where nothing was counted."""
    passes = (
        (cost.forwards, "forward pass", "forward passes"),
        (cost.backwards, "backward pass", "backward passes"),
        (cost.vision, "pass of the vision tower", "passes of the vision tower"),
    )
    parts = [f"{count} {one if count == 1 else more}" for count, one, more in passes if count]
    return ", ".join([f"{cost.seconds:.2f} s", *parts]) if cost.seconds or parts else ""


def _vision(values: np.ndarray | None) -> Json | None:
    if values is None:
        return None
    told: Json = {"method": "vision", "label": VISION_UNIT, "tier": CONTROL, "unit": VISION_UNIT, "token": None}
    return packed(values) | told


def _change(change: Change) -> Json:
    return {
        "rule": change.rule,
        "rejected": list(change.rejected),
        "text": change.text,
        "pixels_text": change.pixels_text,
        "before": change.before,
        "after": change.after,
        "pixels_after": change.pixels_after,
    }


def _readout(readout: ReadOut) -> Json:
    layers = [[[word, round(share, 5)] for word, share in layer] for layer in readout.layers]
    return {"cell": readout.cell, "layers": layers}
