"""Qwen-VL: one grid, as large as the inputs say."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from microscope.lens.families.family import WHOLE, Shown, View
from microscope.lens.families.qwen import FAMILY
from microscope.records import Box
from tests.engine.conftest import Loaded
from tests.lens.preparing import near, placement


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_the_grid_is_that_of_the_inputs(family: str, loaded: Callable[..., Loaded]) -> None:
    # Patches of 8 pixels, of which 2 x 2 become a token: 96 x 64 pixels are 6 x 4 tokens.
    found = placement(FAMILY, loaded(family), (96, 64))
    assert found is not None
    assert found.views == (View(WHOLE, Box(0, 0, 1, 1), 4, 6, 96, 64),)
    assert near(found.cells[7][0], 1 / 6, 1 / 4, 2 / 6, 2 / 4)


def test_a_long_picture_is_one_row(loaded: Callable[..., Loaded]) -> None:
    # 2000 x 10 pixels become 1808 x 16: as many as the settings allow.
    found = placement(FAMILY, loaded("qwen2_5_vl"), (2000, 10))
    assert found is not None
    assert found.views == (View(WHOLE, Box(0, 0, 1, 1), 1, 113, 1808, 16),)


@pytest.mark.parametrize("grids", [[[1, 4, 4], [1, 4, 4]], [[2, 4, 4]]])
def test_several_pictures_or_frames_have_no_place(grids: list[list[int]]) -> None:
    processor: Any = SimpleNamespace(image_processor=SimpleNamespace(merge_size=2, patch_size=8))
    config: Any = SimpleNamespace()
    shown = Shown(config, processor, (32, 32), {"image_grid_thw": torch.tensor(grids)}, 8)
    assert FAMILY.cells(shown) is None
