"""Chefer's relevancy: attention weighted by what it changes, through all layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from microscope.lens.findings import RELEVANCE
from microscope.lens.methods.base import MOST_BACKWARDS, Context, Description, Estimate


@dataclass(frozen=True)
class Relevance(Description):
    """Relevancy of the image tokens for a token's logit; for the whole answer, the mean over a few tokens."""

    key: str = "relevance"
    label: str = "Relevance"
    tier: str = RELEVANCE
    unit: str = "relevancy: attention x gradient, carried through the layers"
    passes: int = 1 + 2 * MOST_BACKWARDS
    note: str = "what the token's score would feel at once; not what happens when a patch is gone"

    def maps(self, context: Context, token: int | None) -> Iterator[Estimate]:
        """Yield the map once, after one forward pass and one backward pass for each token."""
        yield Estimate(context.relevancy(context.chosen(token, MOST_BACKWARDS)).carried.mean(0))


METHOD = Relevance()
