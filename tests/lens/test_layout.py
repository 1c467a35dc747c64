"""A layout is a family's geometry at the positions of the image tokens, or nothing: never a wrong picture."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CONFIG_MAPPING, SiglipImageProcessor

from microscope.lens.families import FAMILIES as GEOMETRIES
from microscope.lens.families.family import NEWLINE, SUMMARY, THUMBNAIL, TILES, WHOLE
from microscope.lens.layout import Cell, Layout, View, image_positions, lay_out
from microscope.records import Box
from tests.engine.conftest import Loaded
from tests.families import FAMILIES
from tests.lens.preparing import Changed, inputs_of, layout, noise

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZES = [(150, 100), (100, 230), (1, 1), (2, 31), (2000, 10), (10, 2000), (64, 64)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_picture_has_a_layout(family: str, size: tuple[int, int], loaded: Callable[..., Loaded]) -> None:
    one = loaded(family)
    found = layout(one, size)
    assert found is not None
    inputs = inputs_of(one.processor, noise(size))
    assert found.positions == image_positions(one.model.config, inputs)
    assert all(first < second for first, second in pairwise(found.positions))
    assert found.source in {one.name for one in GEOMETRIES}
    for cell in found.cells:
        assert cell.view in (WHOLE, TILES, THUMBNAIL, NEWLINE, SUMMARY)
        assert cell.view in (NEWLINE, SUMMARY) or cell.box is not None
        box = cell.box
        if box is not None:
            assert 0 <= box.left < box.right <= 1
            assert 0 <= box.top < box.bottom <= 1
            assert found.seen.left <= box.left + 1e-9
            assert found.seen.right >= box.right - 1e-9
            assert found.seen.top <= box.top + 1e-9
            assert found.seen.bottom >= box.bottom - 1e-9


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_views_hold_the_tokens_that_have_a_place(
    family: str, size: tuple[int, int], loaded: Callable[..., Loaded]
) -> None:
    found = layout(loaded(family), size)
    assert found is not None
    for name in (WHOLE, TILES, THUMBNAIL):
        views = [view for view in found.views if view.name == name]
        assert sum(view.rows * view.columns for view in views) == sum(cell.view == name for cell in found.cells)
    order = list(dict.fromkeys(cell.view for cell in found.cells if cell.view not in (NEWLINE, SUMMARY)))
    assert list(dict.fromkeys(view.name for view in found.views)) == order
    for view in found.views:
        assert view.width >= 1
        assert view.height >= 1
        assert 0 <= view.box.left < view.box.right <= 1
        assert 0 <= view.box.top < view.box.bottom <= 1


@pytest.mark.parametrize("size", [(192, 128), (150, 100), (100, 230)])
@pytest.mark.parametrize("family", [name for name in FAMILIES if "qwen" not in name])
def test_a_view_cut_from_the_original_is_what_the_model_gets(
    family: str, size: tuple[int, int], loaded: Callable[..., Loaded]
) -> None:
    one, image = loaded(family), smooth(size)
    inputs = inputs_of(one.processor, image)
    found = lay_out(one.model.config, one.processor, size, inputs)
    assert found is not None
    settings = one.processor.image_processor
    mean, spread = (torch.tensor(value)[:, None, None] for value in (settings.image_mean, settings.image_std))
    given = inputs["pixel_values"].reshape(-1, 3, *inputs["pixel_values"].shape[-2:]) * spread + mean
    assert len(given) == len(found.views)
    for pixels, view in zip(given, found.views, strict=True):
        box = (view.box.left * size[0], view.box.top * size[1], view.box.right * size[0], view.box.bottom * size[1])
        part = image.resize((view.width, view.height), Image.Resampling.BICUBIC, box=box)
        expected = torch.from_numpy(np.asarray(part, dtype=np.float32) / 255).permute(2, 0, 1)
        # Padding is on one side of what a tile shows, or on both.
        errors = [
            float((pixels[:, top : top + view.height, left : left + view.width] - expected).abs().mean())
            for top in starts(pixels.shape[1], view.height)
            for left in starts(pixels.shape[2], view.width)
        ]
        assert min(errors) < 0.02


def starts(whole: int, part: int) -> set[int]:
    return {0, (whole - part) // 2, whole - part}


def smooth(size: tuple[int, int]) -> Image.Image:
    """Return a picture of slow waves, which look the same however they are resized."""
    width, height = size
    across, down = np.meshgrid(np.arange(width) / width, np.arange(height) / height)
    waves = [np.sin(9 * across + 4 * down), np.cos(7 * down - 5 * across), np.sin(8 * across * down + 2 * down)]
    return Image.fromarray(((np.stack(waves, axis=-1) + 1) * 127).astype(np.uint8))


def test_a_point_is_covered_by_the_cells_whose_boxes_hold_it() -> None:
    left, right = Box(0, 0, 0.5, 1), Box(0.5, 0, 1, 1)
    cells = (Cell(3, left, TILES), Cell(4, right, TILES), Cell(5, None, NEWLINE), Cell(9, Box(0, 0, 1, 1), THUMBNAIL))
    found = Layout(cells, (View(TILES, left, 1, 1, 8, 8),), Box(0, 0, 1, 1), "family")
    assert found.positions == (3, 4, 5, 9)
    assert found.boxed == (0, 1, 3)
    assert found.covering(0.2, 0.2) == (0, 3)
    assert found.covering(0.5, 0.2) == (1, 3)
    assert found.covering(1, 1) == (1, 3)
    assert found.covering(1.01, 0.5) == ()


def test_the_model_decides_which_token_is_an_image_token(loaded: Callable[..., Loaded]) -> None:
    one = loaded("gemma3")
    inputs = inputs_of(one.processor, noise((64, 64)))
    assert one.processor.image_token_id != one.model.config.image_token_id
    assert len(image_positions(one.model.config, inputs)) == 16
    assert image_positions(Changed(one.model.config, {"image_token_id": None}), inputs) == ()


def test_an_unknown_architecture_has_no_layout(loaded: Callable[..., Loaded]) -> None:
    one = loaded("llava")
    inputs = inputs_of(one.processor, noise((64, 64)))
    config = Changed(one.model.config, {"model_type": "nobody_knows"})
    assert lay_out(one.model.config, one.processor, (64, 64), inputs) is not None
    assert lay_out(config, one.processor, (64, 64), inputs) is None


def test_a_prompt_without_a_picture_has_no_layout(loaded: Callable[..., Loaded]) -> None:
    one = loaded("llava")
    assert lay_out(one.model.config, one.processor, (64, 64), {"input_ids": torch.tensor([[1, 2]])}) is None


def test_another_image_processor_than_the_familys_has_no_layout(
    loaded: Callable[..., Loaded], caplog: pytest.LogCaptureFixture
) -> None:
    one = loaded("florence2")
    processor = copy.deepcopy(one.processor)
    processor.image_processor = SiglipImageProcessor(size={"height": 64, "width": 64})
    with caplog.at_level(logging.INFO, logger="microscope"):
        found = lay_out(one.model.config, processor, (64, 64), inputs_of(processor, noise((64, 64))))
    assert found is None
    assert "Boxes of florence2 are measured: its image processor is a SiglipImageProcessor." in caplog.text


@pytest.mark.parametrize("family", FAMILIES)
def test_a_number_of_tokens_that_is_not_the_familys_has_no_layout(
    family: str, loaded: Callable[..., Loaded], caplog: pytest.LogCaptureFixture
) -> None:
    one, size = loaded(family), (150, 100)
    inputs = inputs_of(one.processor, noise(size))
    more = torch.full((1, 1), one.model.config.image_token_id)
    inputs["input_ids"] = torch.cat([inputs["input_ids"], more], dim=1)
    with caplog.at_level(logging.INFO, logger="microscope"):
        found = lay_out(one.model.config, one.processor, size, inputs)
    # A square number of places after the summary is all that Florence-2 asks for.
    assert found is None
    assert "are measured" in caplog.text


def test_no_model_type_belongs_to_two_families_and_all_exist() -> None:
    types = [kind for family in GEOMETRIES for kind in sorted(family.model_types)]
    assert len(types) == len(set(types))
    assert set(types) <= set(CONFIG_MAPPING)
    names = [family.name for family in GEOMETRIES]
    assert len(names) == len(set(names))
