"""LLaVA-NeXT: the whole, then the rows of the canvas, each with a newline at its end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from microscope.lens.families.family import NEWLINE, THUMBNAIL, TILES
from microscope.lens.families.llava_next import FAMILY
from microscope.records import Box
from tests.engine.conftest import Loaded
from tests.lens.preparing import near, placement


def test_rows_of_the_canvas_follow_the_whole(loaded: Callable[..., Loaded]) -> None:
    # 150 x 100 becomes 128 x 86, pasted 21 below the top of 128 x 128; of 16 rows of patches, 3 to 13 are left.
    found = placement(FAMILY, loaded("llava_next"), (150, 100))
    assert found is not None
    row = [TILES] * 16 + [NEWLINE]
    assert [cell[1] for cell in found.cells] == [THUMBNAIL] * 64 + row * 10
    assert near(found.cells[0][0], 0, 0, 1 / 8, 1 / 8)
    assert near(found.cells[64][0], 0, 3 / 86, 1 / 16, 11 / 86)
    assert found.cells[80] == (None, NEWLINE)
    assert near(found.cells[-2][0], 15 / 16, 75 / 86, 1, 83 / 86)
    assert found.seen == Box(0, 0, 1, 1)


def test_each_tile_is_a_view_without_its_padding(loaded: Callable[..., Loaded]) -> None:
    found = placement(FAMILY, loaded("llava_next"), (150, 100))
    assert found is not None
    assert [view.name for view in found.views] == [THUMBNAIL] + [TILES] * 4
    assert near(found.views[1].box, 0, 0, 1 / 2, 1 / 2)
    assert near(found.views[4].box, 1 / 2, 1 / 2, 1, 1)
    assert [(view.rows, view.columns, view.width, view.height) for view in found.views[1:]] == [(5, 8, 64, 43)] * 4


@pytest.mark.parametrize("size", [(2000, 10), (1, 1), (10, 2000)])
def test_extreme_pictures_are_placed(size: tuple[int, int], loaded: Callable[..., Loaded]) -> None:
    found = placement(FAMILY, loaded("llava_next"), size)
    assert found is not None
    assert found.seen == Box(0, 0, 1, 1)


def test_a_picture_too_thin_for_a_row_of_patches_has_the_whole_alone(loaded: Callable[..., Loaded]) -> None:
    found = placement(FAMILY, loaded("llava_next"), (2000, 10))
    assert found is not None
    assert [cell[1] for cell in found.cells] == [THUMBNAIL] * 64
    assert [view.name for view in found.views] == [THUMBNAIL]
