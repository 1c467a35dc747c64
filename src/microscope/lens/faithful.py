"""How true a map is on this very picture: what taking its best patches away does, and keeping them alone.

Deletion and insertion as in Petsiuk, Das and Saenko (RISE, BMVC 2018), with image tokens hidden from the language
model instead of pixels, and against random orders of the same picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from microscope.lens.findings import Badge
from microscope.lens.methods.base import Context
from microscope.lens.places import boxed

FRACTIONS = (0.05, 0.1, 0.2, 0.4, 0.7)
RANDOM_ORDERS = 3


@dataclass
class Judge:
    """Measures badges of one answer. What random orders do to it holds for all its maps, and is measured once.

    `chance` is that, where it is known already.
    """

    context: Context
    chance: torch.Tensor | None = None

    def badge(self, values: torch.Tensor, token: int | None) -> Badge:
        """Return a map's badge for its target: two masks for each fraction, and the random ones the first time."""
        context = self.context
        plain, found = context.subject.plain, self.by_chance()
        nothing, chance = found[:1], found[1:]
        order = _order(values.to(plain.device), boxed(context.layout).to(plain.device))
        scores = context.subject.without(masks(order, context.subject.cells))
        full = float(context.logprob(plain, token))
        relative = _relative(context, scores, token, full)
        random = _relative(context, chance, token, full).reshape(RANDOM_ORDERS, 2, len(FRACTIONS)).mean(0)
        none = float(_relative(context, nothing, token, full)[0])
        count = len(FRACTIONS)
        return Badge(
            (0.0, *FRACTIONS, 1.0),
            (1.0, *relative[:count].tolist(), none),
            (none, *relative[count:].tolist(), 1.0),
            (1.0, *random[0].tolist(), none),
            (none, *random[1].tolist(), 1.0),
        )

    def by_chance(self) -> torch.Tensor:
        """Return the answer's log-probabilities with nothing left and by random orders, shape (masks, tokens)."""
        subject = self.context.subject
        if self.chance is None:
            placed = boxed(self.context.layout).to(subject.positions.device)
            generator = torch.Generator().manual_seed(self.context.seed)
            orders = [
                _order(torch.rand(subject.cells, generator=generator).to(placed.device), placed)
                for _ in range(RANDOM_ORDERS)
            ]
            every = torch.cat([placed[None], *(masks(order, subject.cells) for order in orders)])
            self.chance = subject.without(every)
        return self.chance.to(subject.positions.device)


def masks(order: torch.Tensor, cells: int, fractions: Sequence[float] = FRACTIONS) -> torch.Tensor:
    """Return what is hidden at each fraction: first with the best so many gone, then with the best so many left.

    `order` names cells, the best first; others stay. Bool, shape (2 x fractions, cells).
    """
    hidden = torch.zeros(2 * len(fractions), cells, dtype=torch.bool, device=order.device)
    for number, fraction in enumerate(fractions):
        count = max(1, round(fraction * len(order)))
        hidden[number, order[:count]] = True
        hidden[len(fractions) + number, order[count:]] = True
    return hidden


def _order(values: torch.Tensor, placed: torch.Tensor) -> torch.Tensor:
    """Return the cells that have a place, the highest value first, of equal ones the first first."""
    order = values.float().argsort(descending=True, stable=True)
    return order[placed[order]]


def _relative(context: Context, scores: torch.Tensor, token: int | None, full: float) -> torch.Tensor:
    return (context.logprob(scores, token).float() - full).exp()
