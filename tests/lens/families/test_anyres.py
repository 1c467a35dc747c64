"""The canvas of LLaVA-NeXT and LLaVA-OneVision: axes and agreement, against numbers worked out by hand."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from microscope.lens.families.anyres import Axis, anyres
from microscope.lens.families.family import Family
from tests.engine.conftest import Loaded
from tests.lens.preparing import Changed, placement

ANYRES = Family("any", frozenset(), frozenset(), anyres)
# Two tiles of 384 pixels, of which 27 patches of 14 cover 378; the picture fills the canvas.
FULL = Axis(tiles=2, tile=384, patch=14, paste=0, length=768, first=0, last=54, count=54)


def pixels(span: tuple[float, float], length: int) -> tuple[float, ...]:
    return tuple(round(edge * length, 6) for edge in span)


def test_the_last_patch_of_a_tile_ends_before_the_next_tile_begins() -> None:
    assert pixels(FULL.span(0), 768) == (0, 14)
    assert pixels(FULL.span(26), 768) == (364, 378)
    assert pixels(FULL.span(27), 768) == (384, 398)
    assert pixels(FULL.span(53), 768) == (748, 762)


def test_shrunk_tokens_reach_across_tiles() -> None:
    half = Axis(2, 384, 14, 0, 768, 0, 54, 27)
    assert pixels(half.span(12), 768) == (336, 364)
    assert pixels(half.span(13), 768) == (364, 398)
    assert (half.tokens(0), half.tokens(1)) == (13, 14)


def test_padding_lies_outside_the_picture() -> None:
    # 86 rows pasted at 21 into 128; the patches 3 to 13 are left.
    padded = Axis(tiles=2, tile=64, patch=8, paste=21, length=86, first=3, last=13, count=10)
    assert pixels(padded.span(0), 86) == (3, 11)
    assert pixels(padded.span(9), 86) == (75, 83)
    assert pixels(padded.shown(0), 86) == (-21, 43)
    assert (padded.tokens(0), padded.tokens(1)) == (5, 5)


def test_an_axis_without_tokens_has_none_in_any_tile() -> None:
    assert Axis(2, 64, 8, 60, 1, 8, 8, 0).tokens(0) == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"size": {"shortest_edge": 96}},
        {"crop_size": {"height": 32, "width": 32}},
        {"image_grid_pinpoints": [[64, 128], [128, 64]]},
    ],
)
def test_a_processor_that_cuts_other_tiles_than_the_model_has_no_place(
    settings: dict[str, Any], loaded: Callable[..., Loaded]
) -> None:
    one = loaded("llava_next")
    processor = copy.deepcopy(one.processor)
    for name, value in settings.items():
        setattr(processor.image_processor, name, value)
    assert placement(ANYRES, one, (150, 100)) is not None
    assert placement(ANYRES, Loaded(one.folder, one.model, processor), (150, 100)) is None


def test_a_model_with_larger_tiles_has_no_place(loaded: Callable[..., Loaded]) -> None:
    one = loaded("llava_next")
    vision = Changed(one.model.config.vision_config, {"image_size": 128})
    model: Any = Changed(one.model, {"config": Changed(one.model.config, {"vision_config": vision})})
    assert placement(ANYRES, Loaded(one.folder, model, one.processor), (150, 100)) is None
