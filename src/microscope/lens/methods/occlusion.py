"""Occlusion of pixels: what the answer loses where a window of the picture is greyed, through Captum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from captum.attr import Occlusion

from microscope.lens.findings import EVIDENCE
from microscope.lens.methods.base import Context, Description, Estimate
from microscope.lens.methods.pixels import PixelAnswer, check_cut, token_values, window

# A window's side in cells, and windows in one pass.
SIDE = 3
TOGETHER = 16


@dataclass(frozen=True)
class PixelOcclusion(Description):
    """Occlusion (Zeiler and Fergus, ECCV 2014) of the processor's pixels, by `captum.attr.Occlusion`."""

    key: str = "occlusion"
    label: str = "Greyed pixels"
    tier: str = EVIDENCE
    unit: str = "probability lost when the pixels around it are greyed"
    note: str = "causal, and through the vision tower; a pass of the whole model for each window"

    def maps(self, context: Context, token: int | None) -> Iterator[Estimate]:
        """Yield the map once, after a pass of the whole model for each window."""
        check_cut(context)
        answer = PixelAnswer(context, token)
        shape, stride = window(context, SIDE)
        with torch.no_grad():
            found = Occlusion(answer).attribute(
                answer.pixels,
                sliding_window_shapes=shape,
                strides=stride,
                baselines=answer.blank,
                perturbations_per_eval=min(TOGETHER, context.subject.batch),
            )
        yield Estimate(token_values(context, found[0]).clamp(min=0))


METHOD = PixelOcclusion()
