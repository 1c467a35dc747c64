"""Where each image token of a prompt came from on the original picture; knows no family by itself, and no model.

A wrong picture is worse than none: where a family's geometry and the inputs disagree, there is no layout, and the
boxes are measured instead.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from transformers import PreTrainedConfig, ProcessorMixin

from microscope.lens.families import FAMILIES
from microscope.lens.families.family import Shown, View
from microscope.records import Box

__all__ = ["MEASURED", "Cell", "Layout", "View", "image_positions", "lay_out"]

# What stands in `Layout.source` in place of a family's name.
MEASURED = "measured"

log = logging.getLogger("microscope")


@dataclass(frozen=True)
class Cell:
    """One image token: its position in the prompt, and its box in fractions of the original (None: it has no place).

    `view` is `whole`, `tiles`, `thumbnail`, `newline` or `summary`.
    """

    position: int
    box: Box | None
    view: str


@dataclass(frozen=True)
class Layout:
    """The image tokens in the order of the prompt, and the pictures they came from, as the model was shown them.

    Outside `seen` the model saw nothing of the original. `source` is a family's name, or `MEASURED`; then how the
    picture was cut is not known, and `views` is empty.
    """

    cells: tuple[Cell, ...]
    views: tuple[View, ...]
    seen: Box
    source: str

    @property
    def positions(self) -> tuple[int, ...]:
        """Return the positions of the image tokens in the prompt."""
        return tuple(cell.position for cell in self.cells)

    @property
    def boxed(self) -> tuple[int, ...]:
        """Return the indices of the cells that have a place."""
        return tuple(index for index, cell in enumerate(self.cells) if cell.box is not None)

    def covering(self, x: float, y: float) -> tuple[int, ...]:
        """Return the indices of the cells whose boxes cover a point, given in fractions of the original."""
        boxes = ((index, cell.box) for index, cell in enumerate(self.cells))
        return tuple(index for index, box in boxes if box is not None and _covers(box, x, y))


def lay_out(
    config: PreTrainedConfig, processor: ProcessorMixin, size: tuple[int, int], inputs: Mapping[str, torch.Tensor]
) -> Layout | None:
    """Return the layout of one picture in the inputs that the processor made of it, by what its family does.

    `size` is the picture's width and height as the processor got it. None where no family knows the architecture, or
    where the settings are not as it knows them.
    """
    family = next((one for one in FAMILIES if config.model_type in one.model_types), None)
    positions = image_positions(config, inputs)
    if family is None or not positions:
        return None
    kind = type(processor.image_processor).__name__.removesuffix("Pil")
    if kind not in family.image_processors:
        log.info("Boxes of %s are measured: its image processor is a %s.", config.model_type, kind)
        return None
    placement = family.cells(Shown(config, processor, size, inputs, len(positions)))
    if placement is None or len(placement.cells) != len(positions):
        known = "unknown settings" if placement is None else f"{len(placement.cells)} by the family"
        log.info("Boxes of %s are measured: %d image tokens, %s.", config.model_type, len(positions), known)
        return None
    placed = zip(positions, placement.cells, strict=True)
    cells = tuple(Cell(position, box, view) for position, (box, view) in placed)
    return Layout(cells, placement.views, placement.seen, family.name)


def image_positions(config: PreTrainedConfig, inputs: Mapping[str, torch.Tensor]) -> tuple[int, ...]:
    """Return where the image tokens stand in the prompt; nothing where the model has no such token.

    It is the model that decides: the processors of some families call another token so.
    """
    image = getattr(config, "image_token_id", None)
    if image is None:
        return ()
    return tuple((inputs["input_ids"][0] == image).nonzero().flatten().tolist())


def _covers(box: Box, x: float, y: float) -> bool:
    # The right and bottom edges belong to the next cell, but for those of the picture.
    across = box.left <= x < box.right or x == box.right == 1
    down = box.top <= y < box.bottom or y == box.bottom == 1
    return across and down
