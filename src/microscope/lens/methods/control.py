"""A random map, to hold the others against; it is called what it is wherever it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from microscope.lens.findings import CONTROL
from microscope.lens.methods.base import Context, Description, Estimate


@dataclass(frozen=True)
class Random(Description):
    """Uniform random values, the same for the same seed."""

    key: str = "random"
    label: str = "Random"
    tier: str = CONTROL
    unit: str = "nothing: drawn at random"
    note: str = "no map of the model: what chance alone points at"

    def maps(self, context: Context, token: int | None) -> Iterator[Estimate]:
        """Yield the map once."""
        generator = torch.Generator().manual_seed(context.seed + 1 + (-1 if token is None else token))
        yield Estimate(torch.rand(context.subject.cells, generator=generator))


METHOD = Random()
