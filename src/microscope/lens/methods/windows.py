"""Evidence by hiding neighbourhoods: what the answer loses when the patches around a place are gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from microscope.lens.findings import EVIDENCE
from microscope.lens.methods.base import Context, Description, Estimate
from microscope.lens.places import centres, spread_points

# A window's side as a share of the picture's; how many windows; how far one speaks, as a share of their distance.
SIDE = 0.375
WINDOWS = 128
REACH = 0.5


@dataclass(frozen=True)
class Windows(Description):
    """Occlusion (Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014) of tokens.

    Windows are spread evenly over the picture, and each hides the tokens of every view whose middle lies in it, from
    the language model; the picture is encoded once. A place's value is the loss of log-probability around it, by a
    Gaussian kernel that narrows as more windows come.
    """

    key: str = "windows"
    label: str = "Hidden neighbourhoods"
    tier: str = EVIDENCE
    unit: str = "nats of log-probability lost when the patches around it are hidden"
    passes: int = WINDOWS
    note: str = "causal: the answer's probability is computed again with patches gone from the language model's view"

    def maps(self, context: Context, token: int | None) -> Iterator[Estimate]:
        """Yield the map after each batch of windows."""
        subject, total = context.subject, context.steps or WINDOWS
        middle = centres(context.layout).to(subject.positions.device)
        points = spread_points(total).to(middle)
        hidden = ((middle[None] - points[:, None]).abs() <= SIDE / 2).all(-1)
        plain, lost, done = context.logprob(subject.plain, token), [], 0
        for scores in subject.batches(hidden):
            done += len(scores)
            lost.append(plain - context.logprob(scores, token))
            yield Estimate(_smoothed(middle, points[:done], torch.cat(lost)), done, total)


def _smoothed(middle: torch.Tensor, points: torch.Tensor, lost: torch.Tensor) -> torch.Tensor:
    width = REACH * len(points) ** -0.5
    square = ((middle[:, None] - points[None]) ** 2).sum(-1)
    # Less the nearest one's: far from every point so far, all weights would vanish.
    square = square - square.nan_to_num(torch.inf).amin(1, keepdim=True).nan_to_num(0, posinf=0)
    weights = (-square / (2 * width**2)).exp()
    found = (weights @ lost.float()[:, None])[:, 0] / weights.sum(1)
    return found.nan_to_num(0).clamp(min=0)


METHOD = Windows()
