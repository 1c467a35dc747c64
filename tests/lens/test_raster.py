"""Maps as pixels agree with what is counted cell by cell, and with what was worked out by hand."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from microscope.lens.layout import Layout
from microscope.lens.raster import mass_in, pointing, rasterise
from microscope.records import Box
from tests.lens.samples import grid, layout

NAN = math.nan
FOUR = layout(grid(2, 2))


def slowly(cells: Layout, values: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return the map of one view, each cell spread over the whole picture in turn."""
    weights, sums = np.zeros((height, width)), np.zeros((height, width))
    for cell, value in zip(cells.cells, values, strict=True):
        if cell.box is not None:
            x, y = np.arange(width), np.arange(height)
            across = np.minimum(x + 1, cell.box.right * width) - np.maximum(x, cell.box.left * width)
            down = np.minimum(y + 1, cell.box.bottom * height) - np.maximum(y, cell.box.top * height)
            area = np.clip(down, 0, None)[:, None] * np.clip(across, 0, None)[None, :]
            weights += area
            sums += value * area
    return np.where(weights > 1e-6, sums / np.maximum(weights, 1e-6), NAN)


def close(found: np.ndarray, wanted: list[list[float]]) -> None:
    """Fail where a map is not as worked out by hand."""
    np.testing.assert_allclose(found, np.array(wanted), rtol=1e-6, atol=1e-7)


def test_a_cell_fills_its_pixels() -> None:
    found = rasterise(FOUR, np.array([1, 2, 3, 4]), 4, 2)
    assert found.dtype == np.float32
    close(found, [[1, 1, 2, 2], [3, 3, 4, 4]])


def test_cells_smaller_than_a_pixel_are_averaged_by_area() -> None:
    close(rasterise(FOUR, np.array([1, 2, 3, 4]), 1, 1), [[2.5]])
    # Three columns on two pixels: the middle one is half in each.
    close(rasterise(layout(grid(1, 3)), np.array([3, 6, 9]), 2, 1), [[(3 + 6 / 2) / 1.5, (9 + 6 / 2) / 1.5]])


def test_only_the_covered_part_of_a_pixel_counts() -> None:
    close(rasterise(layout([Box(0.25, 0, 0.5, 1)]), np.array([8]), 2, 1), [[8, NAN]])
    close(rasterise(layout([Box(0.25, 0, 0.5, 1)]), np.array([8]), 2, 1, fill=-1), [[8, -1]])


def test_cells_that_overlap_are_averaged() -> None:
    both = layout([Box(0, 0, 1, 1), Box(0, 0, 0.5, 1)])
    close(rasterise(both, np.array([1, 4]), 4, 1), [[2.5, 2.5, 1, 1]])


def test_views_count_alike_where_they_have_a_cell() -> None:
    tiled = layout((*grid(1, 4), Box(0, 0, 0.5, 1)), view=("tiles",) * 4 + ("thumbnail",))
    values = np.array([1, 2, 3, 4, 11])
    close(rasterise(tiled, values, 4, 1), [[6, 6.5, 3, 4]])
    close(rasterise(tiled, values, 4, 1, ("tiles",)), [[1, 2, 3, 4]])
    close(rasterise(tiled, values, 4, 1, ("thumbnail",)), [[11, 11, NAN, NAN]])
    close(rasterise(tiled, values, 4, 1, ()), [[NAN] * 4])
    # Two tile cells in a pixel are one view.
    close(rasterise(tiled, values, 1, 1), [[(2.5 + 11) / 2]])


def test_a_cell_without_a_place_or_a_value_is_no_cell() -> None:
    cells = layout((None, *grid(1, 2)))
    close(rasterise(cells, np.array([9, 1, NAN]), 2, 1), [[1, NAN]])
    close(rasterise(layout([None]), np.array([9]), 2, 1), [[NAN, NAN]])


def test_values_for_other_cells_are_a_bug() -> None:
    with pytest.raises(ValueError, match="3 values for 4 cells"):
        rasterise(FOUR, np.arange(3), 4, 4)


fractions = st.lists(st.floats(0, 1), min_size=2, max_size=2).map(sorted).filter(lambda pair: pair[1] - pair[0] > 1e-3)
boxes = st.builds(lambda x, y: Box(x[0], y[0], x[1], y[1]), fractions, fractions)


@given(st.lists(boxes, min_size=1, max_size=12), st.integers(1, 30), st.integers(1, 30))
def test_any_cells_are_spread_as_one_by_one(cells: list[Box], width: int, height: int) -> None:
    values = np.arange(len(cells)) - 2.5
    found, wanted = rasterise(layout(cells), values, width, height), slowly(layout(cells), values, width, height)
    # Whether a sliver at an edge is there is a matter of rounding.
    both = ~np.isnan(found) & ~np.isnan(wanted)
    np.testing.assert_allclose(found[both], wanted[both], rtol=1e-4, atol=1e-4)
    assert np.sum(np.isnan(found) != np.isnan(wanted)) <= 2 * (width + height)


def test_many_cells_are_spread_many_times_faster_than_one_by_one() -> None:
    cells = layout(grid(34, 32, Box(0.01, 0.02, 0.97, 0.99)))
    values = np.random.default_rng(0).random(34 * 32)
    begun = time.perf_counter()
    wanted = slowly(cells, values, 512, 384)
    slow = time.perf_counter() - begun
    took = []
    for _ in range(3):
        begun = time.perf_counter()
        found = rasterise(cells, values, 512, 384)
        took.append(time.perf_counter() - begun)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert slow / min(took) > 3


@pytest.mark.parametrize(
    ("values", "evidence", "points"),
    [
        ([0, 9, 1, 2], [Box(0.5, 0, 1, 0.5)], True),
        ([0, 9, 1, 2], [Box(0, 0, 0.5, 1)], False),
        ([0, 9, 1, 2], [Box(0, 0, 0.1, 0.1), Box(0.7, 0.2, 0.8, 0.3)], True),
        ([0, 9, 1, 2], [Box(0.76, 0, 1, 1)], False),
        ([0, 9, 1, 2], [Box(0.75, 0.25, 1, 1)], True),
        # Of equals the first points.
        ([5, 5, 5, 5], [Box(0, 0, 0.5, 0.5)], True),
        ([5, 5, 5, 5], [Box(0.5, 0, 1, 1)], False),
        ([NAN, 1, 0, 0], [Box(0.5, 0, 1, 0.5)], True),
        ([0, 9, 1, 2], [], False),
    ],
)
def test_a_map_points_where_its_best_cell_has_its_centre(
    values: list[float], evidence: list[Box], *, points: bool
) -> None:
    assert pointing(FOUR, np.array(values), evidence) is points


def test_a_cell_without_a_place_does_not_point() -> None:
    assert pointing(layout((None, *grid(1, 2))), np.array([9, 0, 1]), [Box(0.5, 0, 1, 1)])
    assert not pointing(layout((None,)), np.array([9]), [Box(0, 0, 1, 1)])


@pytest.mark.parametrize(
    ("values", "evidence", "mass"),
    [
        ([1, 2, 3, 4], [Box(0, 0, 1, 1)], 1),
        ([1, 2, 3, 4], [Box(0.5, 0.5, 1, 1)], 0.4),
        # A quarter of each cell.
        ([1, 2, 3, 4], [Box(0.25, 0.25, 0.75, 0.75)], 0.25),
        # The left cells, and a quarter of the upper right one.
        ([1, 2, 3, 4], [Box(0, 0, 0.5, 1), Box(0.5, 0, 0.75, 0.25)], (1 + 3 + 0.5) / 10),
        # Overlapping boxes count once.
        ([1, 2, 3, 4], [Box(0, 0, 0.5, 1), Box(0.25, 0, 0.5, 1), Box(0, 0, 0.5, 1)], 0.4),
        # What is negative or NaN is no mass.
        ([1, -2, 3, NAN], [Box(0, 0, 1, 0.5)], 0.25),
        ([-1, -2, 0, 0], [Box(0, 0, 1, 1)], 0),
        ([1, 2, 3, 4], [], 0),
    ],
)
def test_mass_is_counted_by_area(values: list[float], evidence: list[Box], mass: float) -> None:
    assert mass_in(FOUR, np.array(values, np.float32), evidence) == pytest.approx(mass, abs=1e-9)


def test_mass_without_a_place_does_not_count() -> None:
    assert mass_in(layout((None, *grid(1, 2))), np.array([9, 1, 3]), [Box(0.5, 0, 1, 1)]) == pytest.approx(0.75)


@hypothesis_settings(max_examples=40)
@given(st.lists(boxes, min_size=1, max_size=4))
def test_mass_of_an_even_map_is_the_area_of_the_boxes(evidence: list[Box]) -> None:
    # Every box has its edges on this fine grid after rounding, so that pixels can be counted.
    rounded = [Box(*(round(edge * 50) / 50 for edge in (b.left, b.top, b.right, b.bottom))) for b in evidence]
    mask = np.zeros((50, 50), bool)
    for box in rounded:
        mask[round(box.top * 50) : round(box.bottom * 50), round(box.left * 50) : round(box.right * 50)] = True
    whole = [box for box in rounded if box.right > box.left and box.bottom > box.top]
    assert mass_in(layout(grid(5, 4)), np.ones(20), whole) == pytest.approx(mask.mean(), abs=1e-9)
