"""The one error boundary: what fails inside it becomes data, a sentence to show, and the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

from microscope.errors import explain

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


def guarded(steps: Iterator[T], failed: Callable[[str], T]) -> Generator[T, None, None]:
    """Yield the steps; where one raises, yield `failed(sentence)` in its place and end.

    A `UserError` gives its own sentence. Anything else is a bug: it is logged whole and shown to nobody.
    """
    try:
        yield from steps
    except Exception as error:
        sentence = explain(error)
    else:
        return
    # Not in the handler: an error keeps the tensors of its frames, and whoever goes on may need their memory.
    yield failed(sentence)


def attempt(work: Callable[[], T], expected: type[E]) -> T | E | str:
    """Return what the work returns; where it raises, the exception itself if it is expected, else the sentence.

    For threads that nobody joins: their failure has to reach those who wait for their result.
    """
    try:
        return work()
    except expected as error:
        return error.with_traceback(None)
    except Exception as error:
        return explain(error)
