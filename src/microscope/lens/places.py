"""Places on a picture: where cells have their middles, and points spread evenly; knows no model."""

from __future__ import annotations

import torch

from microscope.lens.layout import Layout, View

# The plastic number's powers: the additive sequence of lowest discrepancy in two dimensions (Roberts, 2018).
PLASTIC = 1.32471795724474602596


def centres(layout: Layout) -> torch.Tensor:
    """Return the middles of the cells as (x, y) in fractions of the picture, shape (cells, 2); NaN without a place."""
    nowhere = (float("nan"), float("nan"))
    boxes = [cell.box for cell in layout.cells]
    return torch.tensor(
        [nowhere if box is None else ((box.left + box.right) / 2, (box.top + box.bottom) / 2) for box in boxes],
        dtype=torch.float32,
    ).reshape(len(boxes), 2)


def boxed(layout: Layout) -> torch.Tensor:
    """Return which cells have a place, bool of shape (cells,)."""
    return torch.tensor([cell.box is not None for cell in layout.cells], dtype=torch.bool)


def by_view(layout: Layout) -> tuple[tuple[View, tuple[int, ...]], ...] | None:
    """Return each view with the cells that lie in it, row by row.

    None where the prompt has the cells in another order than view by view, as where rows go on through several tiles,
    or where some views are padded.
    """
    left, found = list(layout.boxed), []
    middles = centres(layout).tolist()
    if len({(view.width, view.height) for view in layout.views}) > 1:
        return None
    for view in layout.views:
        count = view.rows * view.columns
        some, left = left[:count], left[count:]
        if len(some) < count or not all(_within(view, middles[index]) for index in some):
            return None
        found.append((view, tuple(some)))
    return tuple(found) if found and not left else None


def _within(view: View, middle: list[float]) -> bool:
    x, y = middle
    return view.box.left <= x <= view.box.right and view.box.top <= y <= view.box.bottom


def spread_points(count: int) -> torch.Tensor:
    """Return points of the unit square, shape (count, 2), of which any number from the first on lies evenly."""
    numbers = torch.arange(1, count + 1, dtype=torch.float64)[:, None]
    steps = torch.tensor([1 / PLASTIC, 1 / PLASTIC**2], dtype=torch.float64)
    return ((0.5 + numbers * steps) % 1).float()
