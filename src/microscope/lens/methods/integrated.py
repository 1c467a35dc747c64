"""Integrated gradients of the answer's probability by the pixels, through Captum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from captum.attr import IntegratedGradients

from microscope.lens.findings import EVIDENCE
from microscope.lens.methods.base import Context, Description, Estimate
from microscope.lens.methods.pixels import PixelAnswer, check_cut, token_values
from microscope.lens.relevancy import frozen

STEPS = 16
TOGETHER = 8


@dataclass(frozen=True)
class PixelGradients(Description):
    """Integrated gradients (Sundararajan, Taly and Yan, ICML 2017) from the blank picture, their size summed by token.

    Computed by `captum.attr.IntegratedGradients` with the midpoint rule.
    """

    key: str = "integrated"
    label: str = "Integrated gradients"
    tier: str = EVIDENCE
    unit: str = "change of probability along the way from a blank picture"
    note: str = "through the vision tower, down to the pixels; along one way from grey to the picture"

    def maps(self, context: Context, token: int | None) -> Iterator[Estimate]:
        """Yield the map once, after a forward and a backward pass for each step, the vision tower's too."""
        check_cut(context)
        answer, steps = PixelAnswer(context, token), context.steps or STEPS
        with frozen(context.subject.model), torch.enable_grad():
            found = IntegratedGradients(answer).attribute(
                answer.pixels.float(),
                baselines=answer.blank.float(),
                n_steps=steps,
                method="riemann_middle",
                internal_batch_size=min(TOGETHER, context.subject.batch),
            )
        context.subject.backwards += steps
        yield Estimate(token_values(context, found[0].detach().abs()), steps, steps)


METHOD = PixelGradients()
