"""What a family may look at comes from the inputs and the settings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from microscope.lens.families.family import Shown


def shown(patch: Any) -> Shown:
    config: Any = SimpleNamespace(vision_config=SimpleNamespace(patch_size=patch))
    return Shown(config, SimpleNamespace(), (3, 2), {"pixel_values": torch.zeros(1, 5, 3, 48, 64)}, 7)


def test_the_vision_towers_pictures_are_as_large_as_the_inputs_say() -> None:
    assert shown(16).pixels == (48, 64)


@pytest.mark.parametrize("patch", [16, [16, 16], (16, 16)])
def test_a_patch_has_one_side_however_it_is_written(patch: Any) -> None:
    assert shown(patch).patch == 16
