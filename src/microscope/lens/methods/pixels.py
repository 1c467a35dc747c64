"""What methods that change pixels share: the answer as a function of pixels, and pixels' values as image tokens'."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from microscope.errors import UserError
from microscope.lens.layout import View
from microscope.lens.methods.base import Context
from microscope.lens.places import by_view

PIXELS = "pixel_values"
# How many axes pixels have: patches in a row, pictures, and the pictures of each prompt.
PATCHES, PICTURES, TILES = 2, 4, 5
UNKNOWN_CUT = (
    "Which pixels of this picture became which image token of this model is not known, so that the pixels' values "
    "cannot be told for each token; choose the hidden neighbourhoods instead."
)


@dataclass(frozen=True)
class PixelAnswer:
    """The answer's probability as a function of the processor's pixels, a batch of pictures at a time."""

    context: Context
    token: int | None

    @property
    def pixels(self) -> torch.Tensor:
        """Return the prompt's pixels as a batch of one."""
        return self.context.subject.full[PIXELS][None]

    @property
    def blank(self) -> torch.Tensor:
        """Return the blank picture's pixels as a batch of one."""
        return self.context.blank_inputs[PIXELS][None]

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the probability of the target (geometric mean over its tokens) for each picture, shape (batch,)."""
        subject, count = self.context.subject, len(batch)
        given = {name: value.repeat(count, *(1,) * (value.dim() - 1)) for name, value in subject.full.items()}
        logits = subject.logits(**{**given, PIXELS: batch.flatten(0, 1)})
        return self.context.logprob(subject.logprobs(logits), self.token).exp()


def check_cut(context: Context) -> None:
    """Raise `UserError` where pixels cannot be told apart by image token."""
    token_values(context, torch.zeros_like(context.subject.full.get(PIXELS, torch.zeros(0))))


def token_values(context: Context, pixels: torch.Tensor) -> torch.Tensor:
    """Return the sum of the pixels' values under each image token, from the processor's shape to (cells,).

    Pixels come as one picture a view, or as patches of which several make a token, in the tokens' order.
    """
    layout, cells = context.layout, context.subject.cells
    if pixels.dim() == PATCHES and pixels.shape[0] % max(cells, 1) == 0 and len(layout.boxed) == cells:
        return pixels.reshape(cells, -1).sum(1)
    shown = pixels.flatten(0, 1) if pixels.dim() == TILES else pixels
    views = by_view(layout)
    if pixels.dim() < PICTURES or views is None or len(views) != len(shown):
        raise UserError(UNKNOWN_CUT)
    found = torch.zeros(cells, device=pixels.device)
    for one, (view, mine) in zip(shown, views, strict=True):
        found[list(mine)] = _pooled(_seen(one.sum(0), view), (view.rows, view.columns)).flatten()
    return found


def _seen(values: torch.Tensor, view: View) -> torch.Tensor:
    """Return the values of the pixels that became tokens: what fills no patch is at the right and at the bottom."""
    height, width = values.shape
    if height - view.height >= height / view.rows or width - view.width >= width / view.columns:
        # More than that is padding, which may be on all sides.
        raise UserError(UNKNOWN_CUT)
    return values[: view.height, : view.width]


def _pooled(values: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    rows, columns = shape
    return functional.adaptive_avg_pool2d(values.float()[None], shape)[0] * (values.numel() / (rows * columns))


def window(context: Context, cells: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return shape and stride, over one picture's pixels, of a window that covers so many cells a side."""
    pixels = context.subject.full[PIXELS]
    if pixels.dim() == PATCHES:
        each = len(pixels) // context.subject.cells
        return (each, pixels.shape[1]), (each, pixels.shape[1])
    view = context.layout.views[0]
    height, width = (
        max(1, size // count) for size, count in zip(pixels.shape[-2:], (view.rows, view.columns), strict=True)
    )
    ones = (1,) * (pixels.dim() - 3)
    shape = (*ones, pixels.shape[-3], min(cells * height, pixels.shape[-2]), min(cells * width, pixels.shape[-1]))
    return shape, (*ones, pixels.shape[-3], height, width)
