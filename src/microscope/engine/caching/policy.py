"""Decides which models go when room is needed: a pure function of what is in memory; knows no clock and no queue."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol


class Held(Protocol):
    """What the policy looks at: key, bytes, last use (any clock), how many use it now, and whether it is pinned."""

    @property
    def key(self) -> str:
        """Return the model's key."""

    @property
    def bytes(self) -> int:
        """Return the bytes of its weights."""

    @property
    def last_used(self) -> float:
        """Return when it was last used."""

    @property
    def leases(self) -> int:
        """Return how many use it now."""

    @property
    def pinned(self) -> bool:
        """Tell whether it must stay."""


def victims(
    models: Sequence[Held],
    need: int,
    budget: int,
    most: int | None = None,
    spare: Collection[str] = (),
) -> tuple[str, ...] | None:
    """Return the keys of the models that must go so that `need` more bytes fit `budget`; None where they cannot.

    The least recently used go first (of equals, the first by key), no more than needed: one that turned out
    superfluous because a larger one had to go as well is kept, the latest used first. Who is leased, pinned or in
    `spare` stays. `most` bounds the number of models, the new one included, as far as models may go.
    """
    order = sorted(models, key=lambda model: (model.last_used, model.key))
    used, count = sum(model.bytes for model in order), len(order)
    going: list[Held] = []
    for model in order:
        if used + need <= budget and (most is None or count < most):
            break
        if model.leases == 0 and not model.pinned and model.key not in spare:
            going.append(model)
            used, count = used - model.bytes, count - 1
    if used + need > budget:
        return None
    for model in reversed(going[:-1]):
        if used + model.bytes + need <= budget and (most is None or count + 1 < most):
            going.remove(model)
            used, count = used + model.bytes, count + 1
    return tuple(model.key for model in going)


def freeable(models: Sequence[Held], budget: int) -> int:
    """Return the bytes that would be free if all went that may go now."""
    return max(0, budget - sum(model.bytes for model in models if model.leases or model.pinned))
