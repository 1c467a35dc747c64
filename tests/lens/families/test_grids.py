"""Grids, tiles, and what resizing and cropping do to a picture, against numbers worked out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import CLIPImageProcessor

from microscope.lens.families.family import THUMBNAIL, TILES, WHOLE, Shown, View
from microscope.lens.families.grids import FULL, clip, edge, grid, hull, placed, scaled, single, tiled, view_over
from microscope.records import Box
from tests.lens.preparing import near


def taken(picture: tuple[int, int], pixels: tuple[int, int], **settings: Any) -> Shown:
    """Return what a plain processor with these settings made of a picture."""
    processor: Any = SimpleNamespace(image_processor=CLIPImageProcessor(**settings))
    config: Any = SimpleNamespace()
    return Shown(config, processor, picture, {"pixel_values": torch.zeros(1, 3, *pixels)}, 0)


def test_a_frame_is_clipped_to_the_original() -> None:
    assert clip((-0.5, 0.25, 0.5, 1.5)) == Box(0, 0.25, 0.5, 1)
    assert clip((-0.5, 0, 0, 1)) is None
    assert clip((0, 1, 1, 1.2)) is None


def test_a_grid_goes_row_by_row() -> None:
    assert grid(2, 2) == [Box(0, 0, 0.5, 0.5), Box(0.5, 0, 1, 0.5), Box(0, 0.5, 0.5, 1), Box(0.5, 0.5, 1, 1)]
    assert grid(1, 2, (-0.5, 0, 1.5, 1)) == [Box(0, 0, 0.5, 1), Box(0.5, 0, 1, 1)]
    assert grid(1, 4, (-1, 0, 1, 1)) == [None, None, Box(0, 0, 0.5, 1), Box(0.5, 0, 1, 1)]


def test_a_hull_holds_all_boxes() -> None:
    assert hull([Box(0.2, 0.1, 0.3, 0.2), Box(0.1, 0.4, 0.2, 0.9)]) == Box(0.1, 0.1, 0.3, 0.9)


def test_padding_is_no_part_of_a_view() -> None:
    assert view_over(TILES, (-0.5, 0, 0.5, 1), (4, 8), (32, 64)) == View(TILES, Box(0, 0, 0.5, 1), 4, 8, 32, 32)
    assert view_over(TILES, (-0.5, 0, 0, 1), (4, 8), (32, 64)) is None


def test_a_single_picture_has_one_view_and_is_what_was_seen() -> None:
    found = single((0.25, 0, 0.75, 1), (1, 2), (8, 16))
    assert found is not None
    assert found.cells == ((Box(0.25, 0, 0.5, 1), WHOLE), (Box(0.5, 0, 0.75, 1), WHOLE))
    assert found.views == (View(WHOLE, Box(0.25, 0, 0.75, 1), 1, 2, 16, 8),)
    assert found.seen == Box(0.25, 0, 0.75, 1)
    assert single((1, 0, 2, 1), (1, 2), (8, 16)) is None


def test_of_tiles_of_384_pixels_378_become_tokens() -> None:
    found = tiled(1, 2, 27, (378, 384))
    cover = 378 / 384
    assert len(found.cells) == 3 * 27 * 27
    assert near(found.cells[0][0], 0, 0, cover / 54, cover / 27)
    assert near(found.cells[26][0], 26 * cover / 54, 0, cover / 2, cover / 27)
    assert near(found.cells[27 * 27][0], 0.5, 0, 0.5 + cover / 54, cover / 27)
    assert near(found.cells[-1][0], 26 * cover / 27, 26 * cover / 27, cover, cover)
    assert [cell[1] for cell in found.cells[:: 27 * 27]] == [TILES, TILES, THUMBNAIL]
    assert [(view.name, view.rows, view.width) for view in found.views] == [
        *[(TILES, 27, 378)] * 2,
        (THUMBNAIL, 27, 378),
    ]
    assert near(found.seen, 0, 0, (1 + cover) / 2, cover)


def test_without_tiles_the_whole_is_shown() -> None:
    found = tiled(0, 0, 2, (64, 64))
    assert found.cells == tuple((box, WHOLE) for box in grid(2, 2))
    assert found.views == (View(WHOLE, Box(0, 0, 1, 1), 2, 2, 64, 64),)


def test_a_centre_crop_leaves_margins() -> None:
    crop = {"size": {"shortest_edge": 64}, "crop_size": {"height": 64, "width": 64}}
    # 150 x 100 becomes 96 x 64, of which columns 16 to 80 are kept.
    assert placed(taken((150, 100), (64, 64), **crop)) == (16 / 96, 0, 80 / 96, 1)
    # 100 x 230 becomes 64 x 147, of which rows 41 to 105 are kept.
    assert placed(taken((100, 230), (64, 64), **crop)) == (0, 41 / 147, 1, 105 / 147)
    assert placed(taken((2000, 10), (64, 64), **crop)) == (6368 / 12800, 0, 6432 / 12800, 1)
    assert placed(taken((1, 1), (64, 64), **crop)) == FULL


def test_a_crop_larger_than_the_picture_pads_it() -> None:
    settings = {"do_resize": False, "crop_size": {"height": 64, "width": 64}}
    assert placed(taken((32, 64), (64, 64), **settings)) == (-0.5, 0, 1.5, 1)


def test_without_a_crop_the_picture_is_seen_whole() -> None:
    squash = {"size": {"height": 64, "width": 64}, "do_center_crop": False}
    assert placed(taken((150, 100), (64, 64), **squash)) == FULL
    kept = {"size": {"shortest_edge": 64}, "do_center_crop": False}
    assert placed(taken((150, 100), (64, 96), **kept)) == FULL
    assert placed(taken((150, 100), (100, 150), do_resize=False, do_center_crop=False)) == FULL


@pytest.mark.parametrize("size", [{"longest_edge": 64}, {"shortest_edge": 64, "longest_edge": 96}])
def test_unknown_ways_to_resize_have_no_place(size: dict[str, int]) -> None:
    assert placed(taken((150, 100), (64, 96), size=size, do_center_crop=False)) is None


def test_pixels_that_the_settings_do_not_lead_to_have_no_place() -> None:
    assert placed(taken((150, 100), (32, 32), size={"shortest_edge": 64})) is None


def test_sizes_may_be_dictionaries_or_the_librarys_own() -> None:
    assert edge({"height": 3}, "height") == 3
    assert edge({"height": 3}, "width") is None
    assert edge(CLIPImageProcessor(size={"height": 3, "width": 4}).size, "width") == 4


def test_the_upper_left_part_of_a_frame_is_taken() -> None:
    assert scaled((0.5, 0, 1, 1), 0.5, 0.25) == (0.5, 0, 0.625, 0.5)
