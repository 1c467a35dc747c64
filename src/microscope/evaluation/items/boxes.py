"""Reads the boxes that prove an answer, in fractions or pixels, against the picture's size; knows no file format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from microscope.evaluation.items.cells import CellError, is_missing, parse_literal
from microscope.evaluation.items.tables import shorten
from microscope.records import Box

MAX_BOXES = 100
# Fractions may be rounded up; a box of pixels that is all within this would be one pixel in the corner.
LARGEST_FRACTION = 1.001
# How many pixels beyond the edge are rounding.
SLACK = 1.0
# No picture is so wide; what is not a number is not below it either.
LARGEST = 1e9

CORNERS = (
    *(("left", "top", "right", "bottom"), ("l", "t", "r", "b"), ("x1", "y1", "x2", "y2")),
    *(("xmin", "ymin", "xmax", "ymax"), ("x_min", "y_min", "x_max", "y_max")),
)
SIZES = (("x", "y", "w", "h"), ("x", "y", "width", "height"), ("left", "top", "width", "height"))

Edges = tuple[float, float, float, float]


@dataclass(frozen=True)
class Found:
    """The boxes that could be used, and a sentence for each that could not."""

    boxes: tuple[Box, ...]
    notes: tuple[str, ...]


def read_boxes(value: object) -> tuple[Edges, ...]:
    """Return the edges (left, top, right, bottom) of the boxes in a cell, in whatever unit it has them.

    A box is a list of four numbers in that order, or a dict of named edges or of x, y, width and height; a cell has
    one, a list of them, or either written as text. Raises `CellError` where it is none of these.
    """
    parsed = parse_literal(value) if isinstance(value, str) else value
    if isinstance(parsed, str):
        parsed = parse_literal(f"[{parsed}]") if parsed.strip() else None
    if is_missing(parsed):
        return ()
    if isinstance(parsed, Mapping) and isinstance(parsed.get("bbox"), list):
        parsed = parsed["bbox"]
    one = isinstance(parsed, Mapping) or (isinstance(parsed, list) and _is_number(parsed[0]))
    boxes = [parsed] if one else parsed
    if not isinstance(boxes, list):
        raise CellError(f"{shorten(value)} is no box: write [left, top, right, bottom].")
    if len(boxes) > MAX_BOXES:
        raise CellError(f"There are {len(boxes):,} boxes, and at most {MAX_BOXES} can be used.")
    return tuple(map(_edges, boxes))


def fit_boxes(edges: tuple[Edges, ...], width: int, height: int) -> Found:
    """Return boxes as fractions of a picture of so many pixels.

    The cell's numbers are fractions where none is above 1, and pixels otherwise. A box outside the picture, or
    without an area, is left out, and a note says so.
    """
    pixels = any(abs(edge) > LARGEST_FRACTION for box in edges for edge in box)
    across, down = (float(width), float(height)) if pixels else (1.0, 1.0)
    slack = SLACK if pixels else LARGEST_FRACTION - 1
    boxes, notes = [], []
    for box in edges:
        left, top, right, bottom = box
        shown = f"The box {', '.join(f'{edge:g}' for edge in box)}"
        if min(left, top) < -slack or right > across + slack or bottom > down + slack:
            notes.append(f"{shown} is outside the picture of {width} x {height} pixels, and was left out.")
            continue
        left, top, right, bottom = max(left, 0.0), max(top, 0.0), min(right, across), min(bottom, down)
        if left >= right or top >= bottom:
            notes.append(f"{shown} has no area as left, top, right, bottom, and was left out.")
            continue
        boxes.append(Box(left / across, top / down, right / across, bottom / down))
    return Found(tuple(boxes), tuple(notes))


def _edges(box: object) -> Edges:
    if isinstance(box, Mapping) and isinstance(box.get("bbox"), list):
        box = box["bbox"]
    values = _named(box) if isinstance(box, Mapping) else box
    if not isinstance(values, list | tuple) or len(values) != len(CORNERS[0]) or not all(map(_is_number, values)):
        raise CellError(f"{shorten(box)} is no box: write [left, top, right, bottom].")
    left, top, right, bottom = (float(value) for value in values)
    return left, top, right, bottom


def _named(box: Mapping[object, object]) -> list[object] | None:
    lower = {str(key).lower(): value for key, value in box.items()}
    for names in CORNERS:
        if all(name in lower for name in names):
            return [lower[name] for name in names]
    for names in SIZES:
        if all(name in lower for name in names):
            left, top, width, height = (lower[name] for name in names)
            if all(map(_is_number, (left, top, width, height))):
                return [left, top, float(left) + float(width), float(top) + float(height)]  # type: ignore[arg-type]
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST
