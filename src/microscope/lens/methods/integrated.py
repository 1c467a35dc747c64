"""Integrated gradients of the answer's probability by the pixels, through Captum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from microscope.lens.findings import EVIDENCE
from microscope.lens.methods.base import Context, Description, Estimate
from microscope.lens.methods.pixels import PixelAnswer, check_cut, token_values
from microscope.lens.relevancy import frozen

STEPS = 16
TOGETHER, FEWEST = 4, 2


@dataclass(frozen=True)
class PixelGradients(Description):
    """Integrated gradients (Sundararajan, Taly and Yan, ICML 2017) from the blank picture, their size summed by token.

    Computed by `captum.attr.IntegratedGradients` with the midpoint rule.
    """

    key: str = "integrated"
    label: str = "Integrated gradients"
    tier: str = EVIDENCE
    unit: str = "change of probability along the way from a blank picture"
    passes: int = 6 * STEPS
    note: str = "through the vision tower, down to the pixels; along one way from grey to the picture"

    def maps(self, context: Context, token: int | None) -> Iterator[Estimate]:
        """Yield the map after each part of the way, so that it can be stopped; a pass forth and back for each step."""
        # Imported here: it brings matplotlib along, which takes a second and writes a cache of fonts.
        from captum.attr import IntegratedGradients

        check_cut(context)
        answer, steps = PixelAnswer(context, token), max(FEWEST, context.steps or STEPS)
        together = max(FEWEST, min(TOGETHER, context.subject.batch))
        begin, way = answer.blank.float(), answer.pixels.float() - answer.blank.float()
        found = torch.zeros_like(way)
        done = 0
        while done < steps:
            count = min(together, steps - done)
            # One step alone is no way.
            count += steps - done - count == 1
            # Parts of the way, each by the midpoint rule, add up to the midpoint rule on the whole.
            ends = (begin + way * (done / steps), begin + way * ((done + count) / steps))
            with frozen(context.subject.model), torch.enable_grad():
                found += (
                    IntegratedGradients(answer)
                    .attribute(ends[1], baselines=ends[0], n_steps=count, method="riemann_middle")
                    .detach()
                )
            context.subject.backwards += count
            done += count
            yield Estimate(token_values(context, found[0].abs()), done, steps)


METHOD = PixelGradients()
