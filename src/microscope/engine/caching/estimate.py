"""Estimates how long a use has to wait, from what was measured in this process; knows no thread and no clock."""

from __future__ import annotations

from microscope.engine.caching.scheduler import Scheduler
from microscope.engine.caching.states import Progress, Waiting

# Until the first of each was measured.
LOAD_BYTES_PER_SECOND, RUN_SECONDS = 1e9, 5.0
# However small the model, a load takes some Python.
LEAST_LOAD_SECONDS = 0.05
MEMORY = 0.5


class Rates:
    """Measured bytes per second of loads and seconds of uses, as moving averages."""

    def __init__(self) -> None:
        self._load: float | None = None
        self._run: float | None = None

    @property
    def load_bytes_per_second(self) -> float:
        """Return the rate of loads."""
        return LOAD_BYTES_PER_SECOND if self._load is None else self._load

    @property
    def run_seconds(self) -> float:
        """Return what one use takes."""
        return RUN_SECONDS if self._run is None else self._run

    def loaded(self, size: int, seconds: float) -> None:
        """Learn from a load."""
        if size and seconds > 0:
            self._load = _moved(self._load, size / seconds)

    def ran(self, seconds: float) -> None:
        """Learn from a use."""
        self._run = _moved(self._run, seconds)

    def load_seconds(self, size: int) -> float:
        """Return what a load of so many bytes will take."""
        return max(LEAST_LOAD_SECONDS, size / self.load_bytes_per_second)


def waiting(scheduler: Scheduler, ticket: int, now: float, rates: Rates, loads: dict[str, Progress]) -> Waiting | None:
    """Return where a waiting use stands, None where it does not wait.

    Ahead are the uses under way and the older ones. The seconds are those of their uses, shared by the lanes, and of
    the loads before its own and its own: bytes that are left over the measured bytes per second.
    """
    ask = scheduler.waiting.get(ticket)
    if ask is None:
        return None
    older = [one for one in scheduler.waiting.eager() if one.age < ask.age]
    ahead = len(scheduler.running) + len(older)
    loads_to_come = {one.want.model: one.want.bytes for one in (*older, ask)}
    seconds = 0.0
    for model, size in loads_to_come.items():
        record = scheduler.models.get(model)
        progress = loads.get(model)
        if record is not None and record.loading and progress is not None:
            seconds += max(0.0, rates.load_seconds(record.bytes) - (now - progress.since))
        elif record is None:
            seconds += rates.load_seconds(size)
    seconds += rates.run_seconds * -(-ahead // (scheduler.lanes or max(1, ahead)))
    own = scheduler.models.get(ask.want.model)
    progress = loads.get(ask.want.model) if own is not None and own.loading else None
    if own is not None and progress is None:
        return Waiting(ahead, seconds)
    total = (progress.total if progress is not None else 0) or ask.want.bytes
    return Waiting(ahead, seconds, progress is not None, progress.done if progress is not None else 0, total)


def _moved(old: float | None, new: float) -> float:
    return new if old is None else MEMORY * old + (1 - MEMORY) * new
