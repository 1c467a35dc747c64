"""Places lie where the boxes are, and points spread evenly from the first on."""

from __future__ import annotations

import pytest
import torch

from microscope.lens.layout import MEASURED, Cell, Layout, View
from microscope.lens.places import boxed, by_view, centres, spread_points
from microscope.records import Box
from tests.lens.looking import Sights

CELLS = (Cell(3, Box(0, 0, 0.5, 1), "whole"), Cell(4, None, "newline"), Cell(5, Box(0.5, 0.25, 1, 0.5), "whole"))


def test_a_cell_s_middle_is_its_box_s_and_none_is_nowhere() -> None:
    layout = Layout(CELLS, (), Box(0, 0, 1, 1), MEASURED)
    found = centres(layout)
    assert found[[0, 2]].tolist() == [[0.25, 0.5], [0.75, 0.375]]
    assert bool(found[1].isnan().all())
    assert boxed(layout).tolist() == [True, False, True]


def test_no_cells_have_no_places() -> None:
    layout = Layout((), (), Box(0, 0, 1, 1), MEASURED)
    assert centres(layout).shape == (0, 2)
    assert boxed(layout).shape == (0,)


@pytest.mark.parametrize("count", [8, 16, 50, 128])
def test_any_number_of_points_lies_evenly(count: int) -> None:
    points = spread_points(128)[:count]
    assert torch.equal(points, spread_points(count))
    assert bool(((points >= 0) & (points < 1)).all())
    quarters = (points >= 0.5).long() @ torch.tensor([1, 2])
    shares = quarters.bincount(minlength=4) / count
    # Drawn at random, quarters of 50 would differ more than this most of the time.
    assert float(shares.max() - shares.min()) <= 2.1 / count**0.75
    distance = torch.cdist(points, points) + torch.eye(count)
    assert float(distance.min()) > 0.4 * count**-0.5


@pytest.mark.parametrize("name", ["idefics3", "internvl", "llava", "gemma3", "florence2"])
def test_views_have_their_cells_row_by_row(name: str, sights: Sights) -> None:
    layout = sights(name).layout
    found = by_view(layout)
    assert found is not None
    assert tuple(view for view, _ in found) == layout.views
    assert tuple(index for _, cells in found for index in cells) == layout.boxed
    assert all(len(cells) == view.rows * view.columns for view, cells in found)


def test_rows_that_go_on_through_tiles_are_not_view_by_view(sights: Sights) -> None:
    assert by_view(sights("llava_next").layout) is None
    # Not padded, but still: the second cell of the first row lies in the second tile.
    halves = [Box(0, 0, 0.5, 1), Box(0.5, 0, 1, 1)]
    views = tuple(View("tiles", box, 2, 1, 8, 8) for box in halves)
    boxes = [Box(x, y, x + 0.5, y + 0.5) for y in (0, 0.5) for x in (0, 0.5)]
    cells = tuple(Cell(number, box, "tiles") for number, box in enumerate(boxes))
    assert by_view(Layout(cells, views, Box(0, 0, 1, 1), "by hand")) is None
    ordered = tuple(cells[number] for number in (0, 2, 1, 3))
    assert by_view(Layout(ordered, views, Box(0, 0, 1, 1), "by hand")) is not None
    padded = (views[0], View("tiles", halves[1], 2, 1, 6, 8))
    assert by_view(Layout(ordered, padded, Box(0, 0, 1, 1), "by hand")) is None


def test_cells_that_are_in_no_view_are_not_view_by_view(sights: Sights) -> None:
    layout = sights("llava").layout
    assert by_view(Layout(layout.cells, (), layout.seen, MEASURED)) is None
    assert by_view(Layout(layout.cells[:-1], layout.views, layout.seen, "by hand")) is None
    assert by_view(Layout((*layout.cells, layout.cells[0]), layout.views, layout.seen, "by hand")) is None
