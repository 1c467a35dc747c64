"""Findings made by hand: whole pictures, margins that were not seen, tiles and a thumbnail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from microscope.engine.pictures import image_to_picture
from microscope.lens.findings import Badge, Change, Cost, Finding, Heat, ReadOut
from microscope.lens.layout import Cell, Layout, View
from microscope.records import Answer, Box, Picture, Token
from microscope.settings import REPOSITORY
from microscope.ui.lens import payload
from tests.ui.compare.samples import FACTS

EVERYTHING = Box(0.0, 0.0, 1.0, 1.0)
ANSWER = ("The", " red", " cir", "cle", " <b>here</b>")
PRIORS = (-0.4, -2.9, -1.6, -0.2, -0.1)
LOGPROBS = (-0.3, -0.1, -0.2, -0.05, -0.9)
QUESTION = "What is the red object?"


@dataclass(frozen=True)
class Method:
    """A method as the page hears of it."""

    key: str
    label: str
    tier: str
    unit: str
    note: str = ""


METHODS = (
    Method("attention", "Attention, mean of all heads", "attention", "share of attention", "Mean over layers."),
    Method("relevance", "Gradient × attention", "relevance", "relevance, no unit"),
    Method("masks", "Random masks", "evidence", "mean change of log p, nats"),
)


def picture(width: int = 320, height: int = 240) -> Picture:
    """Return an example's picture, stretched to a size."""
    image = Image.open(REPOSITORY / "assets" / "examples" / "colour.png").convert("RGB")
    return image_to_picture(image.resize((width, height)))


def grid(view: str, box: Box, rows: int, columns: int) -> list[tuple[Box, str]]:
    """Return the boxes of a grid over a part of the picture, row by row."""
    wide, high = (box.right - box.left) / columns, (box.bottom - box.top) / rows
    return [
        (
            Box(
                box.left + column * wide,
                box.top + row * high,
                box.left + (column + 1) * wide,
                box.top + (row + 1) * high,
            ),
            view,
        )
        for row in range(rows)
        for column in range(columns)
    ]


def whole(side: int = 8, seen: Box = EVERYTHING) -> Layout:
    """Return a layout of one grid over what was seen of the picture."""
    cells = tuple(Cell(4 + index, box, view) for index, (box, view) in enumerate(grid("whole", seen, side, side)))
    return Layout(cells, (View("whole", seen, side, side, 64, 64),), seen, "Scenes")


def tiled(tiles: int = 2, side: int = 4) -> Layout:
    """Return a layout of tiles, a line break that has no place, and a thumbnail after them."""
    parts = [box for box, _ in grid("tiles", EVERYTHING, tiles, tiles)]
    views = [View("tiles", box, side, side, 128, 128) for box in parts]
    found: list[tuple[Box | None, str]] = [one for box in parts for one in grid("tiles", box, side, side)]
    found += [(None, "newline"), *grid("thumbnail", EVERYTHING, side, side)]
    cells = tuple(Cell(9 + index, box, view) for index, (box, view) in enumerate(found))
    return Layout(
        cells, (*views, View("thumbnail", EVERYTHING, side, side, 128, 128)), EVERYTHING, "Idefics3, SmolVLM"
    )


def bump(layout: Layout, x: float, y: float, width: float = 0.15) -> np.ndarray:
    """Return a map that is greatest at a place of the picture; cells without a place have next to nothing."""
    values = [
        0.001
        if cell.box is None
        else np.exp(
            -(((cell.box.left + cell.box.right) / 2 - x) ** 2 + ((cell.box.top + cell.box.bottom) / 2 - y) ** 2)
            / width**2
        )
        for cell in layout.cells
    ]
    return (np.asarray(values) / np.sum(values)).astype(np.float32)


def badge() -> Badge:
    """Return a badge whose map keeps 83 % and whose random orders keep 31 % at a fifth."""
    return Badge(
        (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
        (1.0, 0.30, 0.22, 0.15, 0.12, 0.1),
        (0.1, 0.83, 0.91, 0.97, 1.0, 1.0),
        (1.0, 0.92, 0.8, 0.55, 0.3, 0.1),
        (0.1, 0.31, 0.5, 0.74, 0.9, 1.0),
    )


def finding(key: str = "a", layout: Layout | None = None, at: tuple[float, float] = (0.3, 0.4)) -> Finding:
    """Return a finding whose tokens look at places from left to right, and whose whole answer looks at `at`."""
    layout = layout or whole()
    tokens = tuple(Token(7 + number, text, LOGPROBS[number]) for number, text in enumerate(ANSWER))
    answer = Answer(key, "".join(ANSWER), tokens, FACTS, "<image>", address="f" * 64)
    rows = np.stack([bump(layout, (number + 0.5) / len(tokens), 0.5) for number in range(len(tokens))])
    strength = np.linspace(0.1, 0.6, 12).reshape(1, 3, 4, 1)
    heats = [Heat("attention", number, row) for number, row in enumerate(rows)]
    heats += [Heat("attention", None, bump(layout, *at))]
    heats += [Heat("relevance", None, bump(layout, *at, width=0.25), Cost(0.8, 1, 5), badge())]
    return Finding(
        key,
        key.upper(),
        answer,
        layout,
        (320, 240),
        (rows[:, None, None, :] * strength).astype(np.float16),
        PRIORS,
        tuple(heats),
        vision=bump(layout, 0.7, 0.6),
        address=f"finding-{key}",
    )


def change(rejected: tuple[int, ...] = (1, 2, 3)) -> Change:
    """Return what became of an answer without some patches."""
    return Change("map", rejected, "The blue circle", (), "A square", (), 0.84, 0.12, 0.04)


def readout(cell: int = 0) -> ReadOut:
    """Return what a patch reads as in three layers."""
    words = (("red", 0.4), (" circle", 0.2), ("<i>", 0.1))
    return ReadOut(cell, (words, words[1:], words[:1]))


def panes(count: int = 2) -> list[dict[str, Any]]:
    """Return up to four panes: a whole picture, tiles, margins that were not seen, and one that failed."""
    margins = whole(6, Box(0.125, 0.0, 0.875, 1.0))
    found = [
        payload.pane(finding("a"), key="a", label="scenes, step 6000", methods=METHODS),
        payload.pane(finding("b", tiled(), (0.65, 0.55)), key="b", label="SmolVLM 256M Instruct", methods=METHODS),
        payload.pane(finding("c", margins, (0.5, 0.5)), key="c", label="LLaVA 1.5 7B", methods=METHODS),
        payload.pane(
            None, key="d", label="Gemma 3 4B", state="failed", message="Its files are gone: download it again."
        ),
    ]
    return found[:count]


def page(count: int = 2, **changes: Any) -> dict[str, Any]:
    """Return the payload of a page of panes."""
    return payload.page(picture(), QUESTION, panes(count), **changes)


def timeline() -> dict[str, Any]:
    """Return the payload of a run of four checkpoints that come to look at the right place."""
    steps = []
    for index, number in enumerate((100, 800, 2000, 6000)):
        one = finding(f"s{number}", at=(0.9 - 0.2 * index, 0.5))
        label = f"step {number}"
        shown = payload.pane(replace(one, address=label), key=one.checkpoint, label=label, methods=METHODS[1:2])
        steps.append(
            payload.Step(one.checkpoint, label, number, f"answer of {number}", (0.1, 0.4, 0.9, 0.7)[index], shown)
        )
    run = payload.Run("scenes", tuple(steps), "The red circle", 2, "p(reference) is highest and steady.")
    return payload.timeline(picture(), QUESTION, run)
