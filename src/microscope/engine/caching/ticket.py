"""One use of a model, from asking for it to giving it back; knows no scheduler and no loader."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from microscope.engine.caching.states import Waiting
from microscope.errors import OutOfMemoryError, UserError

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True)
class Lease(Generic[R_co]):
    """A model in use: it stays in memory until the lease ends.

    `loaded_in` are the seconds of the load that this use had to wait for, or asked for ahead; None where the model
    was in memory.
    """

    resident: R_co
    loaded_in: float | None


class Desk(Protocol):
    """Where tickets are handed in: the cache."""

    def promote(self, ticket: int) -> None:
        """Let what was asked ahead take its turn."""

    def close(self, ticket: int) -> None:
        """End the use, whether it runs or still waits."""

    def waiting(self, ticket: int) -> Waiting | None:
        """Return where the use stands."""


class Ticket(Generic[R]):
    """A place in the queue, then a lease: a context manager that gives back what it has, however it is left.

    A generator that waits with a timeout, and yields in between, can be closed at any moment.
    """

    def __init__(self, desk: Desk) -> None:
        self.number = 0
        self._desk = desk
        self._settled = threading.Event()
        self._lease: Lease[R] | None = None
        self._refusal: UserError | None = None

    def __enter__(self) -> Ticket[R]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def ready(self, timeout: float | None = None) -> bool:
        """Wait at most so many seconds until the use may begin; tell whether it may. A refusal is a `UserError`."""
        if self._lease is None and self._refusal is None:
            self._settled.wait(timeout)
        if self._refusal is not None:
            # Anew each time: an error that is raised twice keeps both tracebacks.
            raise type(self._refusal)(*self._refusal.args)
        return self._lease is not None

    @property
    def lease(self) -> Lease[R]:
        """Return the lease, waiting for it without a bound where it has to be waited for."""
        self.ready()
        if self._lease is None:
            raise RuntimeError("the use has ended")
        return self._lease

    def status(self) -> Waiting | None:
        """Return where it stands, None where it waits no more."""
        return self._desk.waiting(self.number)

    def promote(self) -> None:
        """Take its turn, where it was asked ahead."""
        self._desk.promote(self.number)

    def close(self) -> None:
        """Give back the lease, or leave the queue; a load that nobody else waits for is abandoned."""
        self._lease = None
        self._desk.close(self.number)

    def grant(self, lease: Lease[R]) -> None:
        """Let the use begin; the cache's to call."""
        self._lease = lease
        self._settled.set()

    @property
    def exhausted(self) -> bool:
        """Tell whether it was refused for want of memory; there may be some when its turn comes."""
        return isinstance(self._refusal, OutOfMemoryError)

    def refuse(self, refusal: UserError) -> None:
        """End the wait with an error for whoever waits; the cache's to call."""
        self._refusal = refusal
        self._settled.set()
