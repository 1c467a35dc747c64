"""What a load gets and gives: the one interface between the cache and whatever loads models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from microscope.engine.caching.states import LoadDropped
from microscope.errors import OutOfMemoryError

R = TypeVar("R")


@dataclass(frozen=True)
class Loaded(Generic[R]):
    """A model that was loaded: its measured bytes, those of them that are mapped files, what it took, and how."""

    resident: R
    bytes: int
    mapped: int = 0
    seconds: float = 0.0
    how: str = ""
    device: str = ""


@dataclass(frozen=True)
class LoadJob:
    """What a load can tell and ask while it runs: `progress(done, total)` in bytes, and whether to end early."""

    progress: Callable[[int, int], None]
    cancelled: Callable[[], bool]


LoadFunction = Callable[[LoadJob], Loaded[R]]
# What a load ends with: the model, nobody's wish for it any more, no memory, or the sentence of another failure.
Found = Loaded[R] | LoadDropped | OutOfMemoryError | str


def run(function: LoadFunction[R], job: LoadJob) -> Loaded[R] | LoadDropped:
    """Run a load; one that ended early because nobody waits for it returns that."""
    try:
        return function(job)
    except LoadDropped as dropped:
        return dropped.with_traceback(None)
