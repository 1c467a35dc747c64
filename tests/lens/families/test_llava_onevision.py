"""LLaVA-OneVision: as LLaVA-NeXT, but a canvas of too many tiles is shrunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from microscope.lens.families.family import NEWLINE, THUMBNAIL, TILES
from microscope.lens.families.llava_onevision import FAMILY
from tests.engine.conftest import Loaded
from tests.lens.preparing import Changed, near, placement


def test_a_canvas_of_too_many_tiles_is_shrunk(loaded: Callable[..., Loaded]) -> None:
    # 150 x 100 fills 192 x 128: 16 x 24 patches, 1.22 times too many along each axis, become 13 x 19 tokens.
    found = placement(FAMILY, loaded("llava_onevision"), (150, 100))
    assert found is not None
    assert [cell[1] for cell in found.cells] == [THUMBNAIL] * 64 + ([TILES] * 19 + [NEWLINE]) * 13
    assert near(found.cells[64][0], 0, 0, 1 / 19, 1 / 13)
    assert near(found.cells[-2][0], 18 / 19, 12 / 13, 1, 1)
    tiles = found.views[1:]
    assert [(view.width, view.height) for view in tiles] == [(64, 64)] * 6
    assert sum(view.rows * view.columns for view in tiles) == 19 * 13


def test_a_small_canvas_stays_as_it_is(loaded: Callable[..., Loaded]) -> None:
    found = placement(FAMILY, loaded("llava_onevision"), (64, 64))
    assert found is not None
    assert [cell[1] for cell in found.cells] == [THUMBNAIL] * 64 + ([TILES] * 8 + [NEWLINE]) * 8


def test_an_unknown_way_to_shrink_has_no_place(loaded: Callable[..., Loaded]) -> None:
    one = loaded("llava_onevision")
    config = Changed(one.model.config, {"vision_aspect_ratio": "square"})
    model: Any = Changed(one.model, {"config": config})
    assert placement(FAMILY, Loaded(one.folder, model, one.processor), (150, 100)) is None
