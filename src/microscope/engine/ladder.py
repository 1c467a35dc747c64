"""What to do when memory runs out: try again once others have gone, then something smaller; knows no model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from microscope.engine.memory import is_out_of_memory, trim
from microscope.errors import OutOfMemoryError

T = TypeVar("T")


def climb(work: Callable[[], T], relieve: Callable[[], object], refusal: Callable[[], str]) -> T:
    """Return what the work returns; where memory runs out, `relieve`, and try once more.

    The second time it is an `OutOfMemoryError` with the sentence of `refusal`. Nothing that the failed work made is
    kept: its error, whose frames hold its tensors, is gone before anything else is tried.
    """
    for _ in range(2):
        done = _try(work)
        if done:
            return done[0]
        relieve()
        trim()
    raise OutOfMemoryError(refusal())


def _try(work: Callable[[], T]) -> tuple[T, ...]:
    """Return the result in a tuple, an empty one where memory ran out."""
    try:
        return (work(),)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # The handler is left, and with it the traceback.
    return ()
