"""Attention of the few heads that look at the picture most, and at few places of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from microscope.lens.findings import ATTENTION
from microscope.lens.methods.base import Context, Description, Estimate

HEADS = 3


@dataclass(frozen=True)
class Heads(Description):
    """Mean of three heads: of those whose share of attention on the image is above average, the least spread ones.

    Kang et al., "Your Large Vision-Language Model Only Needs A Few Attention Heads For Visual Grounding", CVPR 2025,
    with the entropy over image tokens in the place of its spatial one, so that any layout can be measured.
    """

    key: str = "heads"
    label: str = "Attention of three heads"
    tier: str = ATTENTION
    unit: str = "share of all attention"
    note: str = "where three concentrated heads attend, not why"

    def maps(self, context: Context, token: int | None) -> Iterator[Estimate]:
        """Yield the map once: it costs no further pass."""
        rows = context.rows_of(context.chosen(token)).mean(0).flatten(0, 1)
        share = rows.sum(-1)
        spread = rows / share[:, None].clamp(min=1e-9)
        entropy = -(spread * spread.clamp(min=1e-12).log()).sum(-1)
        entropy = entropy.masked_fill(share < share.mean(), torch.inf)
        best = entropy.argsort()[:HEADS]
        yield Estimate(rows[best].mean(0))


METHOD = Heads()
