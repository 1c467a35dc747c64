"""A ledger of the seconds that tasks took where the accelerator is; knows no platform, and no task but its name.

What a task does may happen in another process. Its steps therefore travel with the seconds that it took until then,
and whoever reads them books the last that arrived: of a task that was stopped, or whose process died, a little less
than it took. Not measured is what comes before its first step: a worker's start, and the weights streamed into it.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from microscope.engine.boundary import guarded

# Of how many calls of a task the seconds are kept, the latest.
KEPT = 500


@dataclass(frozen=True)
class Stamped:
    """One item of a task, and the seconds that the task took so far."""

    seconds: float
    item: Any


@dataclass(frozen=True)
class Ended:
    """The mark after the last item: what the task took in all, and whether a failure ended it."""

    seconds: float
    failed: bool


@dataclass(frozen=True)
class Spent:
    """What all calls of a task took together; `unfinished` of them were stopped or failed."""

    calls: int = 0
    unfinished: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Usage:
    """What the latest calls took that came to their end with answers.

    `seconds` are the mean of one answer, `median` that of the calls' means, `last` the latest call's. `asked` are the
    mean seconds that the platform was asked for, a call; 0 where no platform is asked.
    """

    calls: int
    answers: int
    seconds: float
    median: float
    last: float
    call_seconds: float
    asked: float


@dataclass(frozen=True)
class _Call:
    seconds: float
    answers: int
    asked: int

    @property
    def each(self) -> float:
        return self.seconds / self.answers


class Ledger:
    """What was booked in this process, by task; any thread may book and read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[str, deque[_Call]] = {}
        self._spent: dict[str, Spent] = {}

    def book(self, task: str, seconds: float, answers: int, asked: int, *, whole: bool) -> None:
        """Book one call; `whole` tells that it came to its end."""
        with self._lock:
            before = self._spent.get(task, Spent())
            self._spent[task] = Spent(before.calls + 1, before.unfinished + (not whole), before.seconds + seconds)
            if whole and answers:
                self._calls.setdefault(task, deque(maxlen=KEPT)).append(_Call(seconds, answers, asked))

    def usage(self, task: str) -> Usage | None:
        """Return what calls of a task took, None where none has come to its end with an answer."""
        with self._lock:
            calls = tuple(self._calls.get(task, ()))
        if not calls:
            return None
        answers, seconds = sum(call.answers for call in calls), sum(call.seconds for call in calls)
        return Usage(
            calls=len(calls),
            answers=answers,
            seconds=seconds / answers,
            median=statistics.median(call.each for call in calls),
            last=calls[-1].each,
            call_seconds=seconds / len(calls),
            asked=sum(call.asked for call in calls) / len(calls),
        )

    def spent(self) -> dict[str, Spent]:
        """Return what every task took that was run, by its name."""
        with self._lock:
            return dict(self._spent)


def stamped(
    steps: Iterator[Any],
    failed: Callable[[str], Any],
    waits: Callable[[Any], bool],
    clock: Callable[[], float] = time.perf_counter,
) -> Generator[Stamped | Ended, None, None]:
    """Yield the steps with what they took, where they are taken; a failure is an item, as `failed` makes it.

    Not counted is what led to an item that `waits` holds true for, nor the time until the next step is asked for.
    """
    sentences: list[str] = []

    def fail(sentence: str) -> Any:  # noqa: ANN401  (a task's own plain data)
        sentences.append(sentence)
        return failed(sentence)

    inner = guarded(steps, fail)
    seconds, began = 0.0, clock()
    try:
        for item in inner:
            seconds += 0.0 if waits(item) else clock() - began
            yield Stamped(seconds, item)
            began = clock()
        yield Ended(seconds + clock() - began, failed=bool(sentences))
    finally:
        inner.close()


class Steps(Protocol):
    """Steps as they arrive, from wherever they are taken."""

    def __iter__(self) -> Iterator[Stamped | Ended]:
        """Iterate over them."""
        ...

    def close(self) -> None:
        """Have no more taken."""
        ...


@dataclass(frozen=True)
class Booking:
    """What is known of a call before it begins: whose it is, what was asked for, and which items finish an answer."""

    ledger: Ledger
    task: str
    asked: int
    finishes: Callable[[Any], bool]

    def items(self, steps: Steps) -> Generator[Any, None, None]:
        """Yield the items of a call, and book what it took; nothing of one that never took a step."""
        found: Ended | None = None
        answers = 0
        try:
            for step in steps:
                if isinstance(step, Ended):
                    found = step
                    continue
                found = Ended(step.seconds, failed=True)
                answers += self.finishes(step.item)
                yield step.item
        except GeneratorExit:
            steps.close()
            raise
        finally:
            if found is not None:
                self.ledger.book(self.task, found.seconds, answers, self.asked, whole=not found.failed)
