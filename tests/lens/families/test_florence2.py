"""Florence-2: a token that sums up, then a square grid over the squashed picture."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from microscope.lens.families.family import SUMMARY, WHOLE, View
from microscope.lens.families.florence2 import FAMILY
from microscope.records import Box
from tests.engine.conftest import Loaded
from tests.lens.preparing import near, placement


@pytest.mark.parametrize("size", [(150, 100), (1, 1), (2000, 10)])
def test_the_first_token_has_no_place_and_the_others_are_a_grid(
    size: tuple[int, int], loaded: Callable[..., Loaded]
) -> None:
    found = placement(FAMILY, loaded("florence2"), size)
    assert found is not None
    assert found.cells == (
        (None, SUMMARY),
        (Box(0, 0, 0.5, 0.5), WHOLE),
        (Box(0.5, 0, 1, 0.5), WHOLE),
        (Box(0, 0.5, 0.5, 1), WHOLE),
        (Box(0.5, 0.5, 1, 1), WHOLE),
    )
    assert found.views == (View(WHOLE, Box(0, 0, 1, 1), 2, 2, 64, 64),)


def test_a_crop_leaves_margins_here_as_well(loaded: Callable[..., Loaded]) -> None:
    one = loaded("florence2")
    processor = copy.deepcopy(one.processor)
    processor.image_processor.size = {"shortest_edge": 64}
    processor.image_processor.do_center_crop = True
    found = placement(FAMILY, Loaded(one.folder, one.model, processor), (150, 100))
    assert found is not None
    assert near(found.seen, 1 / 6, 0, 5 / 6, 1)


def test_pictures_that_are_not_square_have_no_place(loaded: Callable[..., Loaded]) -> None:
    one = loaded("florence2")
    processor = copy.deepcopy(one.processor)
    processor.image_processor.size = {"height": 64, "width": 96}
    assert placement(FAMILY, Loaded(one.folder, one.model, processor), (150, 100)) is None
