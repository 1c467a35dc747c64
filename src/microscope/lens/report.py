"""Findings as JSON for other programs: answers, places and every map, and no pixel of the picture; knows no page."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from microscope.lens.findings import Badge, Change, Finding, Heat
from microscope.lens.layout import Layout, View
from microscope.records import Box, Picture
from microscope.storage.records_json import answer_to_json

FORMAT = "vlm-microscope/finding/1"
DIGITS = 6

Json = dict[str, Any]


def findings_json(findings: Sequence[Finding], question: str, picture: Picture) -> str:
    """Return findings about one picture as JSON text that every JSON reader takes: no NaN, a newline at the end.

    The picture is told by size and digest. Map values have six significant digits, and null stands for what is no
    finite number.
    """
    report = {
        "format": FORMAT,
        "picture": {"width": picture.width, "height": picture.height, "sha256": picture.digest},
        "question": question,
        "findings": [finding_to_dict(finding) for finding in findings],
    }
    return json.dumps(report, ensure_ascii=False, allow_nan=False) + "\n"


def finding_to_dict(finding: Finding) -> Json:
    """Return a finding as plain data: answer, prior, layout, maps with their badges; no attention rows."""
    return {
        "checkpoint": finding.checkpoint,
        "label": finding.label,
        "address": finding.address,
        "answer": answer_to_json(finding.answer),
        "prior": _rounded(finding.prior),
        "layout": _layout(finding.layout),
        "heats": [_heat(one) for one in finding.heats],
        "vision": None if finding.vision is None else _rounded(finding.vision),
    }


def change_to_dict(change: Change) -> Json:
    """Return an answer without some image tokens as plain data."""
    return {
        "rule": change.rule,
        "rejected": list(change.rejected),
        "text": change.text,
        "pixels_text": change.pixels_text,
        "probability": {
            "before": change.before,
            "without_tokens": change.after,
            "without_pixels": change.pixels_after,
        },
    }


def _layout(layout: Layout) -> Json:
    """Return where image tokens are: left, top, right, bottom in fractions of the picture, null without a place."""
    return {
        "source": layout.source,
        "seen": _box(layout.seen),
        "positions": list(layout.positions),
        "views": [cell.view for cell in layout.cells],
        "boxes": [None if cell.box is None else _box(cell.box) for cell in layout.cells],
        "frames": [frame_to_dict(view) for view in layout.views],
    }


def frame_to_dict(view: View) -> Json:
    """Return a picture that the model was shown as plain data: its part of the original, tokens and pixels."""
    return {
        "name": view.name,
        "box": _box(view.box),
        "rows": view.rows,
        "columns": view.columns,
        "width": view.width,
        "height": view.height,
    }


def _heat(heat: Heat) -> Json:
    return {
        "method": heat.method,
        "token": heat.token,
        "values": _rounded(heat.values),
        "cost": asdict(heat.cost),
        "badge": None if heat.badge is None else _badge(heat.badge),
        "done": heat.done,
        "total": heat.total,
    }


def _badge(badge: Badge) -> Json:
    return {name: _rounded(curve) for name, curve in asdict(badge).items()}


def _box(box: Box) -> list[float | None]:
    return _rounded((box.left, box.top, box.right, box.bottom))


def _rounded(values: np.ndarray | Iterable[float]) -> list[float | None]:
    return [float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None for value in values]
