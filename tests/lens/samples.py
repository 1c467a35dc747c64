"""Findings made by hand, for the tests of what is done with one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from microscope.lens.findings import Badge, Cost, Finding, Heat
from microscope.lens.layout import Cell, Layout, View
from microscope.records import Answer, Box, Facts, Picture, Token

WHOLE = Box(0.0, 0.0, 1.0, 1.0)
FACTS = Facts("c0ffee", 90, 4, 2, 0.25, 0.75, 7, "float32", "cpu", "sdpa", None, "end", (("torch", "2.13.0"),))
BADGE = Badge((0.0, 0.2, 1.0), (1.0, 0.4, 0.1), (0.1, 0.83, 1.0), (1.0, 0.9, 0.1), (0.1, 0.31, 1.0))


def grid(rows: int, columns: int, over: Box = WHOLE) -> tuple[Box, ...]:
    """Return the boxes of a grid, row by row."""
    width, height = (over.right - over.left) / columns, (over.bottom - over.top) / rows
    return tuple(
        Box(
            over.left + column * width,
            over.top + row * height,
            over.left + (column + 1) * width,
            over.top + (row + 1) * height,
        )
        for row in range(rows)
        for column in range(columns)
    )


def layout(boxes: Sequence[Box | None], *, view: str | Sequence[str] = "whole", seen: Box = WHOLE) -> Layout:
    """Return a layout of cells with these boxes, in one view or one for each."""
    views = [view] * len(boxes) if isinstance(view, str) else view
    cells = tuple(Cell(5 + k, box, name) for k, (box, name) in enumerate(zip(boxes, views, strict=True)))
    return Layout(cells, (View("whole", seen, 2, 2, 28, 28),), seen, "by hand")


def heat(values: Sequence[float], *, method: str = "relevancy", token: int | None = None) -> Heat:
    """Return a measured map."""
    return Heat(method, token, np.array(values, np.float32), Cost(0.5, 1, 2, 3), BADGE, 3, 4)


def finding(*heats: Heat, address: str = "ab" * 32, checkpoint: str = "step-500") -> Finding:
    """Return a finding of two tokens over a grid of 2 x 2 and a newline, with what a float may be."""
    tokens = (Token(5, "a", -0.1), Token(9, " red", math.nan))
    answer = Answer(checkpoint, "a red", tokens, FACTS, "User: <image>What is this?\nAssistant:", "cd" * 32)
    rows = np.arange(2 * 3 * 2 * 5, dtype=np.float16).reshape(2, 3, 2, 5) / 64
    return Finding(
        checkpoint,
        "Step 500",
        answer,
        layout((*grid(2, 2), None), view=("whole", "whole", "whole", "whole", "newline")),
        (40, 30),
        rows,
        (-2.5, -math.inf),
        heats or (heat((0.1, 0.2, 0.3, 0.4, 0.0)), heat((0, 1, 2, 3, 4), token=1)),
        np.array([1, 2, 3, 4, math.nan], np.float32),
        np.array([[-1, -2], [-3, -4]], np.float32),
        address,
    )


def picture(width: int = 40, height: int = 30, colour: tuple[int, int, int] = (255, 255, 255)) -> Picture:
    """Return a picture of one colour."""
    return Picture(width, height, bytes(colour) * (width * height))
