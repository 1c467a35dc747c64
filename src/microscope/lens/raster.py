"""Maps as pixels: cells spread over a picture, a map held against evidence; knows no colours."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from microscope.lens.layout import Layout
from microscope.lens.selection import ranked
from microscope.records import Box

# A cell that covers less of a pixel than this does not show there: sums of many cells are exact to far less.
_SLIVER = 1e-6


def rasterise(
    layout: Layout,
    values: np.ndarray,
    width: int,
    height: int,
    views: Collection[str] | None = None,
    fill: float = math.nan,
) -> np.ndarray:
    """Return the map as float32 of shape (height, width): at each pixel the mean of what covers it.

    Within a view, cells count by the area of the pixel that they cover; views, those named or all, count alike where
    they have a cell. `fill` stands where none has. A cell without a place, or whose value is NaN, is no cell.
    """
    if len(values) != len(layout.cells):
        raise ValueError(f"{len(values)} values for {len(layout.cells)} cells")
    total, count = np.zeros((height, width)), np.zeros((height, width))
    for name in dict.fromkeys(cell.view for cell in layout.cells):
        chosen = [
            index
            for index in layout.boxed
            if layout.cells[index].view == name and (views is None or name in views) and not np.isnan(values[index])
        ]
        if chosen:
            weights, sums = _spread(_edges(layout, chosen), np.asarray(values, np.float64)[chosen], width, height)
            covered = weights > _SLIVER
            np.add(total, np.divide(sums, weights, out=sums, where=covered), out=total, where=covered)
            count += covered
    return np.divide(total, count, out=np.full((height, width), float(fill)), where=count > 0).astype(np.float32)


def pointing(layout: Layout, values: np.ndarray, boxes: Sequence[Box]) -> bool:
    """Tell whether the centre of the best cell that has a place lies in one of the evidence boxes, edges included."""
    best = next((layout.cells[index].box for index in ranked(values).tolist() if layout.cells[index].box), None)
    if best is None:
        return False
    x, y = (best.left + best.right) / 2, (best.top + best.bottom) / 2
    return any(box.left <= x <= box.right and box.top <= y <= box.bottom for box in boxes)


def mass_in(layout: Layout, values: np.ndarray, boxes: Sequence[Box]) -> float:
    """Return the share of the map's positive part that lies in the evidence boxes, of each cell by its area in them.

    Boxes that overlap count once. It is 0 where the map is positive nowhere.
    """
    placed = list(layout.boxed)
    masses = np.nan_to_num(np.clip(np.asarray(values, np.float64)[placed], 0, None))
    if not boxes or not masses.any():
        return 0.0
    left, top, right, bottom = _edges(layout, placed)
    lines_x = np.unique([edge for box in boxes for edge in (box.left, box.right)])
    lines_y = np.unique([edge for box in boxes for edge in (box.top, box.bottom)])
    inside = np.zeros((len(lines_y) - 1, len(lines_x) - 1))
    for box in boxes:
        rows = (lines_y[:-1] >= box.top) & (lines_y[1:] <= box.bottom)
        inside[np.outer(rows, (lines_x[:-1] >= box.left) & (lines_x[1:] <= box.right))] = 1
    covered = np.einsum("ny,yx,nx->n", _overlaps(top, bottom, lines_y), inside, _overlaps(left, right, lines_x))
    return float(masses @ (covered / ((right - left) * (bottom - top))) / masses.sum())


def _edges(layout: Layout, indices: Sequence[int]) -> np.ndarray:
    """Return left, top, right and bottom of cells that have a place, shape (4, cells)."""
    boxes = (layout.cells[index].box for index in indices)
    return np.array([(box.left, box.top, box.right, box.bottom) for box in boxes if box is not None]).T


def _overlaps(low: np.ndarray, high: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Return how much of each interval lies between each pair of neighbouring lines, shape (intervals, pairs)."""
    return np.clip(np.minimum(high[:, None], lines[None, 1:]) - np.maximum(low[:, None], lines[None, :-1]), 0, None)


def _spread(edges: np.ndarray, values: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the area of each pixel that cells cover, and the sum of their values times that area.

    Cells stand in rows and columns, of which there are few: what falls into the same ones is added up first.
    """
    columns, column = np.unique(edges[[0, 2]], axis=1, return_inverse=True)
    rows, row = np.unique(edges[[1, 3]], axis=1, return_inverse=True)
    across = _overlaps(columns[0] * width, columns[1] * width, np.arange(width + 1))
    down = _overlaps(rows[0] * height, rows[1] * height, np.arange(height + 1))
    weights, sums = np.zeros((2, rows.shape[1], columns.shape[1]))
    np.add.at(weights, (row.ravel(), column.ravel()), 1)
    np.add.at(sums, (row.ravel(), column.ravel()), values)
    return down.T @ weights @ across, down.T @ sums @ across
