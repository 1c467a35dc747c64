"""Attention of the middle layers, less what a blank picture draws: where the model looked, not why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from microscope.lens.findings import ATTENTION
from microscope.lens.methods.base import Context, Description, Estimate


@dataclass(frozen=True)
class Attention(Description):
    """Mean over the heads of the middle half of the layers, of the rows with which the answer's tokens were produced.

    Some image tokens draw attention whatever they show (sinks; Kang et al., "See What You Are Told: Visual Attention
    Sink in Large Multimodal Models", ICLR 2025), so what each draws with a blank picture is taken off.
    """

    key: str = "attention"
    label: str = "Attention"
    tier: str = ATTENTION
    unit: str = "share of all attention, beyond what a blank picture draws"
    note: str = "where it attends, not why"

    def maps(self, context: Context, token: int | None) -> Iterator[Estimate]:
        """Yield the map once: it costs no pass beyond that with the blank picture."""
        tokens = context.chosen(token)
        rows, empty = context.rows_of(tokens), context.blank_rows_of(tokens)
        layers = rows.shape[1]
        middle = slice(layers // 4, layers - layers // 4)
        beyond = (rows[:, middle] - empty[:, middle]).mean((0, 1, 2))
        yield Estimate(beyond.clamp(min=0))


METHOD = Attention()
