"""Uses one model for some work: waits for it, tells where it stands, and once more where memory ran out.

Knows neither what the work is nor what comes of it. While one checkpoint works, the next one's weights are loaded
where there is room, else its files are read ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from microscope.engine.boundary import attempt, guarded
from microscope.engine.caching.states import Waiting
from microscope.engine.caching.ticket import Lease, Ticket
from microscope.engine.files import LocalCheckpoint
from microscope.engine.loader import Resident
from microscope.engine.memory import is_out_of_memory
from microscope.engine.models import Models, Needs
from microscope.errors import UserError

A = TypeVar("A", bound="Asked")
T = TypeVar("T")

# How often who waits hears where it stands, and may be stopped.
LOOK_SECONDS = 0.25
# How long a load that was given up is waited for: it ends at its next step.
DROP_SECONDS = 10.0


@dataclass(frozen=True)
class Queued:
    """The model is there and others are before: how many, and about how many seconds."""

    ahead: int
    seconds: float


@dataclass(frozen=True)
class Loading:
    """A model is being loaded, or will be: its bytes, those read, how many are before, and about how many seconds."""

    bytes: int
    done: int = 0
    ahead: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Restarted:
    """Memory ran out, and the work begins again from the start: nothing that was sent of it counts."""


@dataclass(frozen=True)
class Ready:
    """A model is leased; `loaded_in` is in seconds, None where it was resident."""

    loaded_in: float | None
    device: str
    dtype: str
    attention: str


@dataclass(frozen=True)
class Failed:
    """The checkpoint cannot do what was asked; the sentence to show."""

    message: str


class Asked(Protocol):
    """What is asked of one checkpoint's model, and the memory that it needs."""

    @property
    def local(self) -> LocalCheckpoint:
        """Return the checkpoint's files."""
        ...

    @property
    def needs(self) -> Needs:
        """Return what decides the working memory."""
        ...


class Ahead:
    """What was asked ahead for the next in line: one ticket, which goes where memory runs out before its turn."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._ticket: Ticket[Resident] | None = None
        self._wanted = True

    def ask(self, local: LocalCheckpoint, needs: Needs) -> None:
        """Have a model loaded where that is in nobody's way, else its files read; failures are told later."""
        if self._ticket is None and self._wanted:
            found = attempt(lambda: self._models.request(local, needs, eager=False), UserError)
            if isinstance(found, Ticket):
                self._ticket = found
                self._models.read_ahead(local)

    def take(self) -> Ticket[Resident] | None:
        """Hand the ticket over for its turn, if it is still of use."""
        ticket, self._ticket, self._wanted = self._ticket, None, True
        if ticket is None or not ticket.exhausted:
            return ticket
        # There was no room then; now there may be.
        ticket.close()
        return None

    def drop(self) -> None:
        """Give up what was asked ahead, and ask for nothing until the next turn."""
        self._wanted = False
        if self._ticket is not None:
            self._ticket.close()
            self._ticket = None


@dataclass(frozen=True)
class Use:
    """Which model is used, and for how much memory beside its weights."""

    models: Models
    local: LocalCheckpoint
    needs: Needs

    def run(
        self, work: Callable[[Lease[Resident]], Iterator[T]], ahead: Ahead
    ) -> Generator[T | Queued | Loading | Restarted, None, bool]:
        """Wait for the model and do the work, once more where memory ran out; return whether that came to its end."""
        with ahead.take() or self.models.request(self.local, self.needs) as ticket:
            ticket.promote()
            yield from _wait(ticket)
            for again in (False, True):
                if (yield from self._try(work, ticket)):
                    return True
                # The error is gone, whose frames held the tensors of the forward pass. The model stays in use, so
                # that all others go and not this one, and none comes back before it has tried again.
                ahead.drop()
                self.models.cache.wait_for_dropped(DROP_SECONDS)
                self.models.relieve(self.local)
                if not again:
                    yield Restarted()
        return False

    def _try(
        self, work: Callable[[Lease[Resident]], Iterator[T]], ticket: Ticket[Resident]
    ) -> Generator[T, None, bool]:
        """Do the work with a leased model, and return whether it ended; False where memory ran out on the way."""
        try:
            yield from work(self.models.open(ticket, self.local))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return False
        return True


def in_turn(
    models: Models, asked: Sequence[A], work: Callable[[A, Ahead], Iterator[T]]
) -> Iterator[tuple[int, T | Failed]]:
    """Do work for one after another, yielding (number, update); one that fails leaves the others.

    As soon as a model is `Ready`, the next one's is asked for ahead.
    """
    ahead = Ahead(models)
    try:
        for number, one in enumerate(asked):
            following = asked[number + 1 : number + 2]
            steps: Iterator[T | Failed] = work(one, ahead)
            for update in guarded(steps, Failed):
                if isinstance(update, Ready) and following:
                    ahead.ask(following[0].local, following[0].needs)
                yield number, update
    finally:
        ahead.drop()


def waits(item: tuple[int, object]) -> bool:
    """Tell whether a numbered update says that others are before: until then the accelerator worked for them."""
    update = item[1]
    # A load that others are before goes on beside their work.
    return isinstance(update, Queued) or (isinstance(update, Loading) and update.ahead > 0)


def ready(lease: Lease[Resident]) -> Ready:
    """Tell of a model that is leased what an answer's facts say of it."""
    model = lease.resident.model
    dtype = str(model.dtype).removeprefix("torch.")
    return Ready(lease.loaded_in, str(model.device), dtype, model.config._attn_implementation)


def _wait(ticket: Ticket[Resident]) -> Iterator[Queued | Loading]:
    seconds = 0.0
    while not ticket.ready(seconds):
        status = ticket.status()
        if status is not None:
            yield _told(status)
        seconds = LOOK_SECONDS


def _told(status: Waiting) -> Queued | Loading:
    # Its load has begun, or nothing is before it: until then it waits as others do.
    if status.bytes_total and (status.loading or not status.ahead):
        return Loading(status.bytes_total, status.bytes_done, status.ahead, status.seconds)
    return Queued(status.ahead, status.seconds)
