"""What one family of architectures says about the place of its image tokens; knows no family.

Boxes are in fractions of the original picture, so that they mean the same for every checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from transformers import PreTrainedConfig, ProcessorMixin

from microscope.records import Box

WHOLE, TILES, THUMBNAIL, NEWLINE, SUMMARY = "whole", "tiles", "thumbnail", "newline", "summary"


@dataclass(frozen=True)
class View:
    """One picture that the model was shown: a part of the original, and a grid of rows x columns tokens over it.

    `name` is that of its cells' view. `width` and `height` are the part's pixels as the model got them.
    """

    name: str
    box: Box
    rows: int
    columns: int
    width: int
    height: int


@dataclass(frozen=True)
class Shown:
    """What a family may look at: the checkpoint's settings, and the inputs that its processor made of a picture.

    `size` is the picture's width and height as the processor got it, `count` the number of image tokens.
    """

    config: PreTrainedConfig
    processor: ProcessorMixin
    size: tuple[int, int]
    inputs: Mapping[str, torch.Tensor]
    count: int

    @property
    def pixels(self) -> tuple[int, int]:
        """Return the height and width of each picture that the vision tower gets."""
        height, width = self.inputs["pixel_values"].shape[-2:]
        return int(height), int(width)

    @property
    def patch(self) -> int:
        """Return the side of the vision tower's square patches, in pixels."""
        patch = self.config.vision_config.patch_size
        return int(patch if isinstance(patch, int) else patch[0])


@dataclass(frozen=True)
class Placement:
    """Where a picture's tokens lie: a box (None: no place) and a view for each, in the order of the prompt.

    `seen` is the part of the original that the model was shown.
    """

    cells: tuple[tuple[Box | None, str], ...]
    views: tuple[View, ...]
    seen: Box


@dataclass(frozen=True)
class Family:
    """Model types that lay out their image tokens alike; `cells` returns None where the settings are unknown to it.

    `image_processors` are the classes, without the backend's suffix, whose cutting and resizing `cells` knows.
    """

    name: str
    model_types: frozenset[str]
    image_processors: frozenset[str]
    cells: Callable[[Shown], Placement | None]
