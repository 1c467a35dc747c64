"""Gemma 3: a squashed square of pooled patches, and with pan and scan its crops after it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from microscope.lens.families.family import THUMBNAIL, TILES, WHOLE, View
from microscope.lens.families.gemma3 import FAMILY
from microscope.lens.stripes import STRIPES, movement
from microscope.records import Box
from tests.engine.conftest import Loaded
from tests.lens.preparing import layout, near, noise, placement, reprocess


def scanning(one: Loaded, **options: Any) -> Loaded:
    """Return the checkpoint with pan and scan."""
    processor = copy.deepcopy(one.processor)
    scan = {"do_pan_and_scan": True, "pan_and_scan_min_crop_size": 16, **options}
    processor.images_kwargs = {**processor.images_kwargs, **scan}
    return Loaded(one.folder, one.model, processor)


@pytest.mark.parametrize("size", [(150, 100), (1, 1), (2000, 10)])
def test_the_whole_is_four_by_four(size: tuple[int, int], loaded: Callable[..., Loaded]) -> None:
    found = placement(FAMILY, loaded("gemma3"), size)
    assert found is not None
    assert found.views == (View(WHOLE, Box(0, 0, 1, 1), 4, 4, 64, 64),)
    assert near(found.cells[5][0], 1 / 4, 1 / 4, 1 / 2, 1 / 2)


def test_crops_follow_the_whole_from_left_to_right(loaded: Callable[..., Loaded]) -> None:
    # 250 x 100 is cut into three of 84 columns; the last has the 82 that are left.
    found = placement(FAMILY, scanning(loaded("gemma3")), (250, 100))
    assert found is not None
    assert [cell[1] for cell in found.cells] == [THUMBNAIL] * 16 + [TILES] * 48
    boxes = [view.box for view in found.views]
    assert boxes[0] == Box(0, 0, 1, 1)
    assert near(boxes[1], 0, 0, 84 / 250, 1)
    assert near(boxes[2], 84 / 250, 0, 168 / 250, 1)
    assert near(boxes[3], 168 / 250, 0, 1, 1)
    assert near(found.cells[-1][0], 1 - 82 / 250 / 4, 3 / 4, 1, 1)


def test_crops_of_a_tall_picture_follow_from_top_to_bottom(loaded: Callable[..., Loaded]) -> None:
    found = placement(FAMILY, scanning(loaded("gemma3")), (100, 230))
    assert found is not None
    assert [view.name for view in found.views] == [THUMBNAIL, TILES, TILES]
    assert near(found.views[1].box, 0, 0, 1, 1 / 2)


def test_a_picture_that_is_not_long_enough_is_not_cropped(loaded: Callable[..., Loaded]) -> None:
    found = placement(FAMILY, scanning(loaded("gemma3")), (110, 100))
    assert found is not None
    assert [view.name for view in found.views] == [WHOLE]


@pytest.mark.parametrize("size", [(250, 100), (100, 230)])
def test_the_tokens_of_crops_move_where_they_lie(size: tuple[int, int], loaded: Callable[..., Loaded]) -> None:
    one = scanning(loaded("gemma3"))
    known = layout(one, size)
    assert known is not None
    moved = movement(one.model, reprocess(one.processor), noise(size), known.positions)
    longer = 0 if size[0] > size[1] else 1
    for token, cell in enumerate(known.cells):
        if cell.view == TILES:
            crop = known.views[1 + token // 16 - 1].box
            low, high = (crop.left, crop.right) if longer == 0 else (crop.top, crop.bottom)
            touched = (moved[longer][:, token] > 0).nonzero().flatten().tolist()
            assert touched
            assert all(low - 1 / STRIPES < stripe / STRIPES < high for stripe in touched)


def test_other_numbers_of_tokens_have_no_place(loaded: Callable[..., Loaded]) -> None:
    one = loaded("gemma3")
    processor = copy.deepcopy(one.processor)
    half = "".join([processor.tokenizer.image_token] * 8)
    processor.full_image_sequence = f"{processor.tokenizer.boi_token}{half}{processor.tokenizer.eoi_token}"
    assert placement(FAMILY, Loaded(one.folder, one.model, processor), (64, 64)) is None
