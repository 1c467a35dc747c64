"""LLaVA and PaliGemma: a token for each patch of the one picture, margins not seen where they are cropped."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from microscope.lens.families.family import WHOLE, Shown, View
from microscope.lens.families.plain import FAMILY
from microscope.records import Box
from tests.engine.conftest import Loaded
from tests.lens.preparing import Changed, inputs_of, near, noise, placement

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_llava_does_not_see_the_margins(loaded: Callable[..., Loaded]) -> None:
    # 150 x 100 becomes 96 x 64, of which columns 16 to 80 are kept: 8 x 8 patches of 8 pixels.
    found = placement(FAMILY, loaded("llava"), (150, 100))
    assert found is not None
    assert near(found.seen, 1 / 6, 0, 5 / 6, 1)
    assert near(found.cells[0][0], 16 / 96, 0, 24 / 96, 1 / 8)
    assert near(found.cells[63][0], 72 / 96, 7 / 8, 80 / 96, 1)
    assert [(view.rows, view.columns, view.width, view.height) for view in found.views] == [(8, 8, 64, 64)]


def test_a_long_picture_is_hardly_seen(loaded: Callable[..., Loaded]) -> None:
    found = placement(FAMILY, loaded("llava"), (2000, 10))
    assert found is not None
    assert found.seen.right - found.seen.left == pytest.approx(64 / 12800)


def test_llava_without_a_crop_sees_all(loaded: Callable[..., Loaded]) -> None:
    one = loaded("llava")
    processor = copy.deepcopy(one.processor)
    processor.image_processor.do_center_crop = False
    processor.image_processor.size = {"height": 64, "width": 64}
    found = placement(FAMILY, Loaded(one.folder, one.model, processor), (150, 100))
    assert found is not None
    assert found.seen == Box(0, 0, 1, 1)


def test_pixels_that_fill_no_patch_are_not_seen(loaded: Callable[..., Loaded]) -> None:
    one = loaded("llava")
    processor = copy.deepcopy(one.processor)
    processor.image_processor.do_center_crop = False
    processor.image_processor.size = {"height": 68, "width": 76}
    found = placement(FAMILY, Loaded(one.folder, one.model, processor), (150, 100))
    assert found is not None
    assert near(found.seen, 0, 0, 72 / 76, 64 / 68)
    assert (found.views[0].rows, found.views[0].columns) == (8, 9)
    assert near(found.cells[9][0], 0, 8 / 68, 8 / 76, 16 / 68)


@pytest.mark.parametrize("size", [(150, 100), (1, 1), (10, 2000)])
def test_paligemma_sees_all_of_every_picture(size: tuple[int, int], loaded: Callable[..., Loaded]) -> None:
    found = placement(FAMILY, loaded("paligemma"), size)
    assert found is not None
    assert found.views == (View(WHOLE, Box(0, 0, 1, 1), 8, 8, 64, 64),)
    assert near(found.cells[9][0], 1 / 8, 1 / 8, 1 / 4, 1 / 4)


def test_more_tokens_than_patches_have_no_place(loaded: Callable[..., Loaded]) -> None:
    one = loaded("llava")
    processor = copy.deepcopy(one.processor)
    processor.vision_feature_select_strategy = "full"
    assert placement(FAMILY, Loaded(one.folder, one.model, processor), (64, 64)) is None


def test_an_unknown_way_to_resize_has_no_place(loaded: Callable[..., Loaded]) -> None:
    one, size = loaded("llava"), (150, 100)
    inputs = inputs_of(one.processor, noise(size))
    settings = Changed(one.processor.image_processor, {"size": {"longest_edge": 64}})
    processor: Any = Changed(one.processor, {"image_processor": settings})
    assert FAMILY.cells(Shown(one.model.config, one.processor, size, inputs, 64)) is not None
    assert FAMILY.cells(Shown(one.model.config, processor, size, inputs, 64)) is None
