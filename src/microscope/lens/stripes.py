"""Measures where image tokens come from, for any architecture: inverts a stripe, and looks which tokens move.

It knows no family. It costs a pass of the vision tower for each stripe, up to 32 by default, and the boxes are no
finer than the stripes; a token that mixes in all of the picture gets a large one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from PIL import Image, ImageChops
from torch import nn
from transformers import PreTrainedModel

from microscope.engine.loading.gate import undisturbed
from microscope.errors import UserError
from microscope.lens.families.family import NEWLINE, WHOLE
from microscope.lens.layout import MEASURED, Cell, Layout
from microscope.lens.subject import placed
from microscope.records import Box

STRIPES = 16
# Tokens that move less than this share of the one that moves most have not moved.
STILL = 1e-5

Reprocess = Callable[[Image.Image], Mapping[str, torch.Tensor]]


class _EntryReachedError(Exception):
    """Carries what enters the language model out of the forward pass, the rest of which nobody needs."""

    def __init__(self, states: torch.Tensor) -> None:
        super().__init__("the language model was reached")
        self.states = states


def measure(
    model: PreTrainedModel,
    reprocess: Reprocess,
    image: Image.Image,
    positions: Sequence[int],
    stripes: int = STRIPES,
) -> Layout:
    """Return the layout of the image tokens at `positions`, each with the hull of the stripes that move it most.

    `reprocess` turns a picture of the same size into the checkpoint's inputs. A token that no stripe moves has no
    place. Raises `UserError` where the prompt depends on what is in the picture.
    """
    moved = movement(model, reprocess, image, positions, stripes)
    most = max(float(axis.max()) for axis in moved)
    if most == 0:
        raise UserError("No image token changes with the picture; ask another checkpoint, or look at its processor.")
    across, down = (_edges(length, stripes) for length in image.size)
    cells = []
    for token, position in enumerate(positions):
        spans = [
            _span(axis[:, token], edges, float(axis[:, token].max()) / 2)
            for axis, edges in zip(moved, (across, down), strict=True)
        ]
        still = max(float(axis[:, token].max()) for axis in moved) <= STILL * most
        cells.append(Cell(position, None, NEWLINE) if still else Cell(position, _box(spans), WHOLE))
    seen = [_span(axis.amax(dim=1), edges, STILL * most) for axis, edges in zip(moved, (across, down), strict=True)]
    return Layout(tuple(cells), (), _box(seen), MEASURED)


def movement(
    model: PreTrainedModel,
    reprocess: Reprocess,
    image: Image.Image,
    positions: Sequence[int],
    stripes: int = STRIPES,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how far each token moves as a stripe is inverted: of vertical stripes, then of horizontal ones.

    Each has the shape (stripes, tokens). Movement is the distance between the two inputs of the language model's
    first layer.
    """
    inputs = reprocess(image)
    still = _states(model, inputs, positions)
    moved = []
    for axis in (0, 1):
        edges, rows = _edges(image.size[axis], stripes), torch.zeros(stripes, len(positions))
        for stripe, (low, high) in enumerate(pairwise(edges)):
            if low < high:
                changed = reprocess(_inverted(image, axis, low, high))
                if not torch.equal(changed["input_ids"], inputs["input_ids"]):
                    raise UserError(
                        "The number of image tokens changes with what is in the picture, so their places cannot be "
                        "measured; ask another checkpoint."
                    )
                rows[stripe] = (_states(model, changed, positions) - still).norm(dim=-1)
        moved.append(rows)
    return moved[0], moved[1]


def entry(model: PreTrainedModel) -> nn.Module:
    """Return the first layer that sees image tokens among text: of the encoder where there is one, else the decoder.

    Raises `UserError` for a model that is not made of layers.
    """
    part: nn.Module = model.get_encoder() if model.config.is_encoder_decoder else model.get_decoder()
    stack = next((one for one in part.modules() if isinstance(one, nn.ModuleList) and len(one)), None)
    if stack is None:
        raise UserError(f"{type(model).__name__} has no layers to look into; ask another checkpoint.")
    return stack[0]


def _states(model: PreTrainedModel, inputs: Mapping[str, torch.Tensor], positions: Sequence[int]) -> torch.Tensor:
    """Return the input of the first layer at the positions, on the CPU, in float32."""
    given = {name: placed(value, model) for name, value in inputs.items()}
    if model.config.is_encoder_decoder:
        given["decoder_input_ids"] = torch.zeros((1, 1), dtype=torch.long, device=model.device)
    hook = entry(model).register_forward_pre_hook(_interrupt, with_kwargs=True)
    try:
        with torch.no_grad(), undisturbed():
            model(**given)
    except _EntryReachedError as reached:
        return reached.states[0, list(positions)].float().cpu()
    finally:
        hook.remove()
    raise UserError(f"{type(model).__name__} answers without its first layer; ask another checkpoint.")


def _interrupt(_layer: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
    raise _EntryReachedError(given[0] if given else named["hidden_states"])


def _inverted(image: Image.Image, axis: int, low: int, high: int) -> Image.Image:
    """Return the image with the stripe of columns (axis 0) or rows (axis 1) from `low` to before `high` inverted."""
    box = (low, 0, high, image.height) if axis == 0 else (0, low, image.width, high)
    changed = image.copy()
    changed.paste(ImageChops.invert(image.crop(box)), box)
    return changed


def _edges(length: int, stripes: int) -> list[int]:
    return [round(stripe * length / stripes) for stripe in range(stripes + 1)]


def _span(moved: torch.Tensor, edges: list[int], above: float) -> tuple[float, float]:
    """Return from where to where the stripes moved more than `above`, in fractions; all where none did."""
    found = (moved > above).nonzero().flatten().tolist()
    if not found:
        return 0.0, 1.0
    return edges[found[0]] / edges[-1], edges[found[-1] + 1] / edges[-1]


def _box(spans: list[tuple[float, float]]) -> Box:
    (left, right), (top, bottom) = spans
    return Box(left, top, right, bottom)
