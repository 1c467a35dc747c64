"""What is laid over a picture shows where, by more than colour, and leaves the rest as it was."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from microscope.lens.overlays import REJECTED, UNSEEN, heat_rgba, over, rejected_rgba
from microscope.records import Box
from tests.lens.samples import grid, layout, picture

NAN = math.nan
# Red counts the row, so that a pixel says which row of the table it has.
TABLE = np.stack([np.arange(256), np.full(256, 7), np.arange(256)[::-1]], 1).astype(np.uint8)
FOUR = layout(grid(2, 2))


def test_a_map_goes_through_the_table_and_grows_opaque() -> None:
    found = heat_rgba(np.array([[1, 2, 3], [NAN, 1.5, 3]], np.float32), TABLE, 0.8)
    assert found.dtype == np.uint8
    assert found[..., 0].tolist() == [[0, 128, 255], [0, 64, 255]]
    assert found[..., 3].tolist() == [[0, 102, 204], [0, 51, 204]]
    assert found[0, 1].tolist() == [128, 7, 127, 102]


def test_two_maps_may_share_their_limits() -> None:
    found = heat_rgba(np.array([[-1, 1, 9]], np.float32), TABLE, 1, (0, 2))
    assert found[..., 0].tolist() == [[0, 128, 255]]


@pytest.mark.parametrize("raster", [np.full((2, 2), 0.5), np.full((2, 2), NAN)])
def test_a_map_that_says_nothing_is_clear(raster: np.ndarray) -> None:
    assert heat_rgba(raster, TABLE, 1)[..., 3].max() == 0


def test_what_is_rejected_is_hatched_red_and_the_rest_is_clear() -> None:
    found = rejected_rgba(FOUR, (1,), (40, 20))
    assert found.shape == (20, 40, 4)
    corner = found[:10, 20:]
    assert (corner[..., :3] == REJECTED).all()
    assert set(corner[..., 3].ravel().tolist()) == {107, 217}
    assert found[10:, :, 3].max() == found[:, :20, 3].max() == 0


def test_hatching_runs_along_a_diagonal() -> None:
    alpha = rejected_rgba(FOUR, (0, 1, 2), (60, 60))[:30, :30, 3]
    assert (alpha[1:, :-1] == alpha[:-1, 1:]).all()
    assert (alpha[1:, 1:] != alpha[:-1, :-1]).any()


def test_what_the_model_did_not_see_is_hatched_grey_the_other_way() -> None:
    seen = Box(0.25, 0, 0.75, 1)
    cells = replace(layout(grid(2, 2, seen)), seen=seen)
    found = rejected_rgba(cells, (0, 1), (80, 60))
    for side in (found[:, :20], found[:, 60:]):
        assert (side[..., :3] == UNSEEN).all()
        assert side[..., 3].min() > 100
        assert (side[1:, 1:, 3] == side[:-1, :-1, 3]).all()
        assert len(set(side[..., 3].ravel().tolist())) == 2
    assert (found[:30, 20:60, :3] == REJECTED).all()
    assert found[30:, 20:60, 3].max() == 0


def test_what_is_rejected_in_one_of_two_views_is_half_as_red() -> None:
    cells = layout((Box(0, 0, 0.5, 1), Box(0, 0, 1, 1)), view=("tiles", "thumbnail"))
    alpha = rejected_rgba(cells, (0,), (40, 20))[..., 3]
    assert set(alpha[:, :20].ravel().tolist()) == {54, 108}
    assert alpha[:, 20:].max() == 0


def test_a_tiny_picture_can_be_hatched() -> None:
    assert rejected_rgba(FOUR, (0,), (1, 1)).shape == (1, 1, 4)


def test_a_layer_is_laid_over_the_picture_at_its_own_size() -> None:
    layer = np.zeros((60, 80, 4), np.uint8)
    layer[:30] = (255, 0, 0, 51)
    layer[30:45] = (0, 0, 0, 255)
    found = over(picture(40, 30, (0, 100, 200)), layer)
    assert (found.mode, found.size) == ("RGB", (80, 60))
    assert found.getpixel((5, 5)) == (51, 80, 160)
    assert found.getpixel((5, 40)) == (0, 0, 0)
    assert found.getpixel((79, 59)) == (0, 100, 200)
