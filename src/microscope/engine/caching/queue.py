"""The uses that wait: in which order, and for which model; knows no model's state and no budget."""

from __future__ import annotations

from dataclasses import dataclass

from microscope.engine.caching.states import Want


@dataclass
class Ask:
    """A use that was asked for; one that is not `eager` is asked ahead: its model is to load, its turn comes later.

    `since` is when it began to wait for its turn, `began` when it was granted, `missed` whether a load was needed.
    """

    ticket: int
    want: Want
    since: float
    eager: bool = True
    missed: bool = False
    began: float = 0.0

    @property
    def age(self) -> tuple[float, int]:
        """Return what orders uses, the oldest first."""
        return self.since, self.ticket


class Queue:
    """The waiting uses by ticket."""

    def __init__(self) -> None:
        self._asks: dict[int, Ask] = {}

    def __len__(self) -> int:
        return len(self._asks)

    def add(self, ask: Ask) -> None:
        """Let a use wait."""
        self._asks[ask.ticket] = ask

    def get(self, ticket: int) -> Ask | None:
        """Return a waiting use, None where it does not wait."""
        return self._asks.get(ticket)

    def remove(self, ticket: int) -> Ask | None:
        """Take a use out and return it, None where it did not wait."""
        return self._asks.pop(ticket, None)

    def clear(self) -> None:
        """Forget everybody."""
        self._asks.clear()

    def eager(self) -> list[Ask]:
        """Return who waits for a turn, the oldest first."""
        if not self._asks:
            return []
        return sorted((ask for ask in self._asks.values() if ask.eager), key=lambda ask: ask.age)

    def ahead_of_time(self) -> list[Ask]:
        """Return what was asked ahead, the oldest first."""
        return [ask for ask in self._asks.values() if not ask.eager]

    def of(self, model: str) -> list[Ask]:
        """Return everybody who waits for a model, whether for a turn or ahead."""
        return [ask for ask in self._asks.values() if ask.want.model == model]
