"""Evidence by random halves of the picture: how much likelier the answer is where a patch is seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from microscope.lens.findings import EVIDENCE
from microscope.lens.methods.base import Context, Description, Estimate
from microscope.lens.places import centres

# Masks are drawn on a grid of so many places a side, moved at random; a place is hidden with this probability.
GRID = 7
HIDDEN = 0.5
MASKS = 256


@dataclass(frozen=True)
class Rise(Description):
    """RISE (Petsiuk, Das and Saenko, BMVC 2018) over image tokens instead of pixels, the picture encoded once.

    A place's value is the mean probability of the answer where it is seen, less the mean where it is hidden.
    """

    key: str = "rise"
    label: str = "Random halves (RISE)"
    tier: str = EVIDENCE
    unit: str = "probability gained where the patch is seen"
    passes: int = MASKS
    note: str = "causal: the answer's probability is computed again with a random half of the picture hidden"

    def maps(self, context: Context, token: int | None) -> Iterator[Estimate]:
        """Yield the map after each batch of masks."""
        subject, total = context.subject, context.steps or MASKS
        hidden = _masks(centres(context.layout), total, context.seed).to(subject.positions.device)
        found, done = [], 0
        for scores in subject.batches(hidden):
            done += len(scores)
            found.append(context.logprob(scores, token).exp().float())
            yield Estimate(_difference(hidden[:done], torch.cat(found)), done, total)


def _masks(middle: torch.Tensor, count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(count, GRID + 1, GRID + 1, generator=generator) < HIDDEN
    moved = torch.rand(count, 2, generator=generator)
    placed = middle.nan_to_num(0)
    at = (placed[None] * GRID + moved[:, None]).long().clamp(0, GRID)
    hidden = low[torch.arange(count)[:, None], at[..., 1], at[..., 0]]
    return hidden & ~middle.isnan().any(-1)[None]


def _difference(hidden: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    gone = hidden.float()
    seen = 1 - gone
    without = (gone * found[:, None]).sum(0) / gone.sum(0).clamp(min=1)
    value = (seen * found[:, None]).sum(0) / seen.sum(0).clamp(min=1) - without
    # What was never hidden, or always, has no difference.
    return value.masked_fill((gone.sum(0) == 0) | (seen.sum(0) == 0), 0)


METHOD = Rise()
