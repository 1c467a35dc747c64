"""Occlusion of pixels: what the answer loses where a window of the picture is greyed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import torch

from microscope.lens.findings import EVIDENCE
from microscope.lens.methods.base import Context, Description, Estimate
from microscope.lens.methods.pixels import PixelAnswer, check_cut, token_values, window

# A window's side in cells, windows in one pass, and the most windows where nothing else is said.
SIDE = 3
TOGETHER = 16
WINDOWS = 256


@dataclass(frozen=True)
class PixelOcclusion(Description):
    """Occlusion (Zeiler and Fergus, ECCV 2014) of the processor's pixels.

    Equal to `captum.attr.Occlusion`, which cannot be stopped; where there are too many windows, with wider strides.
    """

    key: str = "occlusion"
    label: str = "Greyed pixels"
    tier: str = EVIDENCE
    unit: str = "probability lost when the pixels around it are greyed"
    passes: int = 2 * WINDOWS
    note: str = "causal, and through the vision tower; a pass of the whole model for each window"

    def maps(self, context: Context, token: int | None) -> Iterator[Estimate]:
        """Yield the map after each batch of windows: at each pixel the mean over the windows that covered it."""
        check_cut(context)
        answer = PixelAnswer(context, token)
        pixels, grey = answer.pixels[0], answer.blank[0]
        places = _places(pixels.shape, window(context, SIDE), context.steps or WINDOWS)
        with torch.no_grad():
            whole = float(answer(answer.pixels)[0])
        lost = torch.zeros(pixels.shape, device=pixels.device)
        covered = torch.zeros_like(lost)
        together = min(TOGETHER, context.subject.batch)
        for start in range(0, len(places), together):
            some = places[start : start + together]
            batch = pixels.repeat(len(some), *(1,) * pixels.dim())
            for one, place in zip(batch, some, strict=True):
                one[place] = grey[place]
            with torch.no_grad():
                found = answer(batch).tolist()
            for value, place in zip(found, some, strict=True):
                lost[place] += whole - value
                covered[place] += 1
            values = token_values(context, lost / covered.clamp(min=1))
            yield Estimate(values.clamp(min=0), start + len(some), len(places))


def _places(shape: torch.Size, sizes: tuple[tuple[int, ...], tuple[int, ...]], most: int) -> list[tuple[slice, ...]]:
    """Return the windows, in an order that covers the picture evenly from the first on; at most about so many."""
    extents, strides = sizes
    while True:
        starts = [_starts(*axis) for axis in zip(shape, extents, strides, strict=True)]
        places = [tuple(map(slice, at, map(sum, zip(at, extents, strict=True)))) for at in product(*starts)]
        wider = tuple(
            min(stride * 2, extent) if stride < extent else stride
            for stride, extent in zip(strides, extents, strict=True)
        )
        if len(places) <= most or wider == strides:
            break
        strides = wider
    order = torch.randperm(len(places), generator=torch.Generator().manual_seed(0)).tolist()
    return [places[number] for number in order]


def _starts(length: int, extent: int, stride: int) -> list[int]:
    """Return where windows begin along an axis: the last one reaches its end."""
    last = max(0, length - extent)
    starts = list(range(0, last + 1, stride))
    return starts if starts[-1] == last else [*starts, last]


METHOD = PixelOcclusion()
