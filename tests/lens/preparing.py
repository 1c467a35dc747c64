"""Pictures of noise, and the inputs and layouts that tiny checkpoints make of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image

from microscope.catalog.spec import ModelSpec
from microscope.engine.pictures import picture_to_image
from microscope.engine.prompts import prepare
from microscope.lens.families.family import Family, Placement, Shown
from microscope.lens.layout import Layout, image_positions, lay_out
from microscope.records import Box, Picture
from tests.engine.conftest import Loaded
from tests.families import picture

if TYPE_CHECKING:
    from transformers import ProcessorMixin

SPEC = ModelSpec("run", "Run", "/run", folder=True)
QUESTION = "what is in the image ?"


def noise(size: tuple[int, int]) -> Image.Image:
    """Return a picture of coloured noise, of a width and a height."""
    return picture_to_image(picture(*size))


def inputs_of(processor: ProcessorMixin, image: Image.Image, question: str = QUESTION) -> dict[str, torch.Tensor]:
    """Return what a processor makes of a picture and a question, as the app does it."""
    taken = Picture(image.width, image.height, image.tobytes())
    return prepare(processor, SPEC, taken, question, None).inputs


def reprocess(processor: ProcessorMixin) -> Callable[[Image.Image], dict[str, torch.Tensor]]:
    """Return what turns a picture into inputs."""
    return lambda image: inputs_of(processor, image)


def placement(family: Family, one: Loaded, size: tuple[int, int]) -> Placement | None:
    """Return where a family says that the tokens of a picture of this size lie; of a checkpoint or what is like it."""
    inputs = inputs_of(one.processor, noise(size))
    count = len(image_positions(one.model.config, inputs))
    return family.cells(Shown(one.model.config, one.processor, size, inputs, count))


def layout(one: Loaded, size: tuple[int, int]) -> Layout | None:
    """Return the layout of a picture of this size."""
    return lay_out(one.model.config, one.processor, size, inputs_of(one.processor, noise(size)))


@dataclass
class Changed:
    """An object with some attributes changed for a test; all others are those of the original."""

    of: Any
    attributes: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.attributes[name] if name in self.attributes else getattr(self.of, name)


def near(box: Box | None, left: float, top: float, right: float, bottom: float) -> bool:
    """Tell whether a box has these edges, but for rounding."""
    if box is None:
        return False
    pairs = zip((box.left, box.top, box.right, box.bottom), (left, top, right, bottom), strict=True)
    return all(abs(mine - theirs) < 1e-9 for mine, theirs in pairs)
