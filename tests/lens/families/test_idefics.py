"""Idefics3 and SmolVLM: tiles as the marks in the prompt say, the whole last, or the whole alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoProcessor

from microscope.lens.families.family import THUMBNAIL, TILES, WHOLE, Shown
from microscope.lens.families.idefics import FAMILY
from microscope.lens.layout import lay_out
from microscope.records import Box
from tests.engine.conftest import Loaded
from tests.lens.preparing import Changed, inputs_of, layout, near, noise, placement


@pytest.mark.parametrize("family", ["idefics3", "smolvlm"])
def test_tiles_lie_side_by_side_and_the_whole_comes_last(family: str, loaded: Callable[..., Loaded]) -> None:
    # 150 x 100 becomes 192 x 128: three tiles by two, each of 4 x 4 tokens.
    found = placement(FAMILY, loaded(family), (150, 100))
    assert found is not None
    assert [cell[1] for cell in found.cells] == [TILES] * 96 + [THUMBNAIL] * 16
    assert near(found.cells[0][0], 0, 0, 1 / 12, 1 / 8)
    assert near(found.cells[16][0], 4 / 12, 0, 5 / 12, 1 / 8)
    assert near(found.cells[48][0], 0, 1 / 2, 1 / 12, 5 / 8)
    assert near(found.cells[95][0], 11 / 12, 7 / 8, 1, 1)
    assert near(found.cells[96][0], 0, 0, 1 / 4, 1 / 4)
    assert [(view.name, view.rows, view.columns, view.width, view.height) for view in found.views] == [
        *[(TILES, 4, 4, 64, 64)] * 6,
        (THUMBNAIL, 4, 4, 64, 64),
    ]
    assert near(found.views[4].box, 1 / 3, 1 / 2, 2 / 3, 1)


@pytest.mark.parametrize(("size", "tiles"), [((2000, 10), 3), ((10, 2000), 3), ((1, 1), 9)])
def test_extreme_pictures_have_as_many_tiles_as_the_processor_made(
    size: tuple[int, int], tiles: int, loaded: Callable[..., Loaded]
) -> None:
    found = placement(FAMILY, loaded("smolvlm"), size)
    assert found is not None
    assert len(found.views) == tiles + 1


def test_without_splitting_the_whole_is_shown_alone(loaded: Callable[..., Loaded]) -> None:
    one = loaded("smolvlm")
    processor = copy.deepcopy(one.processor)
    processor.image_processor.do_image_splitting = False
    found = placement(FAMILY, Loaded(one.folder, one.model, processor), (150, 100))
    assert found is not None
    assert [view.name for view in found.views] == [WHOLE]
    assert len(found.cells) == 16
    assert near(found.cells[5][0], 1 / 4, 1 / 4, 1 / 2, 1 / 2)


def test_the_run_that_ships_shows_the_whole_as_eight_by_eight(embedded: Path) -> None:
    config, processor = AutoConfig.from_pretrained(embedded), AutoProcessor.from_pretrained(embedded)
    inputs = inputs_of(processor, noise((64, 48)), "what color is the square ?")
    found = lay_out(config, processor, (64, 48), inputs)
    assert found is not None
    assert len(found.cells) == 64
    (view,) = found.views
    assert (view.name, view.rows, view.columns, view.box) == (WHOLE, 8, 8, Box(0, 0, 1, 1))
    assert near(found.cells[9].box, 1 / 8, 1 / 8, 2 / 8, 2 / 8)


def test_what_fills_no_group_of_patches_is_not_seen() -> None:
    config: Any = SimpleNamespace(scale_factor=3, vision_config=SimpleNamespace(patch_size=14, image_size=384))
    inputs = {"pixel_values": torch.zeros(1, 1, 3, 384, 384)}
    found = FAMILY.cells(Shown(config, SimpleNamespace(), (10, 10), inputs, 81))
    assert found is not None
    assert len(found.cells) == 81
    assert near(found.seen, 0, 0, 378 / 384, 378 / 384)
    assert near(found.cells[0][0], 0, 0, 42 / 384, 42 / 384)


def test_marks_that_a_person_wrote_after_the_picture_count_for_nothing(loaded: Callable[..., Loaded]) -> None:
    one = loaded("smolvlm")
    inputs = inputs_of(one.processor, noise((150, 100)))
    forged = one.processor.tokenizer("<row_6_col_6>", add_special_tokens=False, return_tensors="pt")["input_ids"]
    inputs["input_ids"] = torch.cat([inputs["input_ids"], forged], dim=1)
    assert lay_out(one.model.config, one.processor, (150, 100), inputs) == layout(one, (150, 100))


def test_marks_that_do_not_fit_the_number_of_tiles_have_no_layout(loaded: Callable[..., Loaded]) -> None:
    one = loaded("smolvlm")
    inputs = inputs_of(one.processor, noise((150, 100)))
    inputs["pixel_values"] = inputs["pixel_values"][:, :5]
    assert lay_out(one.model.config, one.processor, (150, 100), inputs) is None


def test_a_model_with_other_patches_than_the_prompt_has_tokens_has_no_layout(loaded: Callable[..., Loaded]) -> None:
    one, size = loaded("smolvlm"), (150, 100)
    inputs = inputs_of(one.processor, noise(size))
    config = Changed(one.model.config, {"scale_factor": 1})
    assert lay_out(config, one.processor, size, inputs) is None
