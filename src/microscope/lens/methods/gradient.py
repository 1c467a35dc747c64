"""Gradient times attention of the answer's own rows: relevance without the way through the layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from microscope.lens.findings import RELEVANCE
from microscope.lens.methods.base import MOST_BACKWARDS, Context, Description, Estimate


@dataclass(frozen=True)
class GradientAttention(Description):
    """Sum over layers of the mean over heads of max(0, gradient x attention), in the row that produced the token."""

    key: str = "gradient"
    label: str = "Gradient × attention"
    tier: str = RELEVANCE
    unit: str = "attention x gradient, summed over the layers"
    passes: int = 1 + 2 * MOST_BACKWARDS
    note: str = "what the token took from patches directly; not what came by way of other tokens"

    def maps(self, context: Context, token: int | None) -> Iterator[Estimate]:
        """Yield the map once; it comes with the relevancy."""
        yield Estimate(context.relevancy(context.chosen(token, MOST_BACKWARDS)).last_rows.mean(0))


METHOD = GradientAttention()
