"""InternVL: tiles as the processor chose them, the thumbnail last where there is more than one."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from microscope.lens.families.family import THUMBNAIL, TILES, WHOLE
from microscope.lens.families.internvl import FAMILY
from tests.engine.conftest import Loaded
from tests.lens.preparing import near, placement


def test_tiles_lie_side_by_side_and_the_thumbnail_comes_last(loaded: Callable[..., Loaded]) -> None:
    # Of at most six tiles, three by two are nearest to 150 x 100.
    found = placement(FAMILY, loaded("internvl"), (150, 100))
    assert found is not None
    assert [cell[1] for cell in found.cells] == [TILES] * 96 + [THUMBNAIL] * 16
    assert near(found.cells[16][0], 1 / 3, 0, 1 / 3 + 1 / 12, 1 / 8)
    assert near(found.cells[48][0], 0, 1 / 2, 1 / 12, 5 / 8)
    assert near(found.cells[-1][0], 3 / 4, 3 / 4, 1, 1)
    assert (found.views[0].width, found.views[0].height) == (64, 64)


@pytest.mark.parametrize(("size", "tiles"), [((300, 90), (3, 1)), ((10, 2000), (1, 6)), ((2000, 10), (6, 1))])
def test_long_pictures_have_tiles_in_a_row(
    size: tuple[int, int], tiles: tuple[int, int], loaded: Callable[..., Loaded]
) -> None:
    found = placement(FAMILY, loaded("internvl"), size)
    assert found is not None
    columns, rows = tiles
    assert len(found.views) == rows * columns + 1
    assert near(found.views[0].box, 0, 0, 1 / columns, 1 / rows)


def test_one_tile_is_the_whole_and_has_no_thumbnail(loaded: Callable[..., Loaded]) -> None:
    found = placement(FAMILY, loaded("internvl"), (64, 64))
    assert found is not None
    assert [cell[1] for cell in found.cells] == [WHOLE] * 16


def test_without_tiling_the_whole_is_shown_alone(loaded: Callable[..., Loaded]) -> None:
    one = loaded("internvl")
    processor = copy.deepcopy(one.processor)
    processor.images_kwargs = {"crop_to_patches": False}
    found = placement(FAMILY, Loaded(one.folder, one.model, processor), (150, 100))
    assert found is not None
    assert [view.name for view in found.views] == [WHOLE]
    assert len(found.cells) == 16


def test_tiles_that_the_settings_do_not_lead_to_have_no_place(loaded: Callable[..., Loaded]) -> None:
    one = loaded("internvl")
    processor = copy.deepcopy(one.processor)
    processor.images_kwargs = {"crop_to_patches": True, "max_patches": 2}
    assert placement(FAMILY, Loaded(one.folder, one.model, processor), (150, 100)) is None
