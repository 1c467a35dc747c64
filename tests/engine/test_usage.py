"""What tasks took is measured where they run and booked where they are read; the tests hold the clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from microscope.engine.gpu import Door, Task
from microscope.engine.models import Models
from microscope.engine.usage import KEPT, Booking, Ended, Ledger, Spent, Stamped, stamped
from microscope.errors import UserError
from microscope.space.cost import Took, admitted
from tests.keeping import models_of


class Clock:
    """A clock that stands still unless it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def work(clock: Clock, *seconds: float, then: str = "") -> Iterator[str]:
    """Take so many seconds to each step, and fail in the end if there is a sentence for it."""
    for number, one in enumerate(seconds):
        clock.now += one
        yield f"item {number}"
    clock.now += 0.5
    if then:
        raise UserError(then)


def never(_item: object) -> bool:
    return False


def test_every_step_says_what_was_taken_so_far_and_the_last_mark_all(clock: Clock) -> None:
    steps = list(stamped(work(clock, 1, 2), str, never, clock))
    assert steps == [Stamped(1, "item 0"), Stamped(3, "item 1"), Ended(3.5, failed=False)]


def test_who_is_slow_to_read_costs_nothing(clock: Clock) -> None:
    found = []
    for step in stamped(work(clock, 1, 2), str, never, clock):
        found.append(step.seconds)
        clock.now += 1000
    assert found == [1, 3, 3.5]


def test_waiting_for_others_costs_nothing(clock: Clock) -> None:
    steps = stamped(work(clock, 10, 2), str, lambda item: item == "item 0", clock)
    assert [step.seconds for step in steps] == [0, 2, 2.5]


def test_a_failure_is_an_item_and_marked(clock: Clock) -> None:
    *_, said, last = stamped(work(clock, 1, then="No memory."), lambda text: f"failed: {text}", never, clock)
    assert said == Stamped(1.5, "failed: No memory.")
    assert last == Ended(1.5, failed=True)


def test_closing_reaches_the_task() -> None:
    closed = []

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    steps = stamped(endless(), str, never)
    next(steps)
    steps.close()
    assert closed == [True]


def test_the_ledger_tells_means_the_median_and_the_last() -> None:
    ledger = Ledger()
    for seconds, answers in ((1.0, 1), (2.0, 1), (12.0, 4)):
        ledger.book("answer", seconds, answers, 9, whole=True)
    found = ledger.usage("answer")
    assert found is not None
    assert (found.calls, found.answers, found.asked) == (3, 6, 9)
    assert (found.seconds, found.median, found.last, found.call_seconds) == (2.5, 2.0, 3.0, 5.0)


def test_what_was_stopped_or_failed_is_spent_and_is_in_no_mean() -> None:
    ledger = Ledger()
    ledger.book("answer", 2.0, 1, 9, whole=True)
    ledger.book("answer", 50.0, 1, 9, whole=False)
    ledger.book("answer", 3.0, 0, 9, whole=True)
    assert ledger.spent() == {"answer": Spent(3, 1, 55.0)}
    assert ledger.usage("answer").seconds == 2.0  # type: ignore[union-attr]


def test_tasks_are_told_apart_and_nothing_is_told_of_what_never_ran() -> None:
    ledger = Ledger()
    assert ledger.usage("answer") is None
    assert ledger.spent() == {}
    ledger.book("lens", 7.0, 1, 0, whole=True)
    ledger.book("answer", 1.0, 0, 0, whole=False)
    assert ledger.usage("answer") is None
    assert ledger.usage("lens").last == 7.0  # type: ignore[union-attr]


def test_only_the_latest_calls_are_kept_and_all_are_summed() -> None:
    ledger = Ledger()
    ledger.book("answer", 10_000.0, 1, 0, whole=True)
    for _ in range(KEPT):
        ledger.book("answer", 1.0, 1, 0, whole=True)
    assert ledger.usage("answer").seconds == 1.0  # type: ignore[union-attr]
    assert ledger.spent()["answer"] == Spent(KEPT + 1, 0, 10_000.0 + KEPT)


def test_many_threads_book_at_once() -> None:
    ledger, start = Ledger(), threading.Barrier(8)

    def book() -> None:
        start.wait()
        for _ in range(200):
            ledger.book("answer", 1.0, 1, 0, whole=True)

    threads = [threading.Thread(target=book) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.spent() == {"answer": Spent(1600, 0, 1600.0)}


def test_what_it_tells_is_what_costs_are_computed_from() -> None:
    ledger = Ledger()
    ledger.book("answer", 4.0, 2, 12, whole=True)
    took: Took | None = ledger.usage("answer")
    assert took is not None
    assert next((one.calls, one.answers) for one in admitted(took)) == (28, 56)


class Arriving:
    """Steps that come from elsewhere, end as they are told to, and know whether they were closed."""

    def __init__(self, steps: list[Stamped | Ended], error: Exception | None = None) -> None:
        self._steps, self._error, self.closed = steps, error, False

    def __iter__(self) -> Iterator[Stamped | Ended]:
        yield from self._steps
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self.closed = True


ITEMS: list[Stamped | Ended] = [Stamped(1.0, "a"), Stamped(4.0, "done"), Ended(4.5, failed=False)]


def booking(ledger: Ledger) -> Booking:
    return Booking(ledger, "answer", 9, lambda item: item == "done")


def test_a_whole_call_is_booked_with_its_answers_and_never_closed() -> None:
    ledger, steps = Ledger(), Arriving(ITEMS)
    assert list(booking(ledger).items(steps)) == ["a", "done"]
    found = ledger.usage("answer")
    assert found is not None
    assert (found.seconds, found.answers, found.asked) == (4.5, 1, 9)
    assert not steps.closed


def test_a_call_that_is_stopped_is_closed_and_books_what_is_known() -> None:
    ledger, steps = Ledger(), Arriving(ITEMS)
    items = booking(ledger).items(steps)
    next(items)
    items.close()
    assert steps.closed
    assert ledger.spent() == {"answer": Spent(1, 1, 1.0)}


def test_a_call_whose_process_died_books_what_arrived() -> None:
    ledger = Ledger()
    with pytest.raises(RuntimeError):
        list(booking(ledger).items(Arriving(ITEMS[:1], RuntimeError("the worker is gone"))))
    assert ledger.spent() == {"answer": Spent(1, 1, 1.0)}


def test_a_call_that_was_refused_is_not_booked() -> None:
    ledger = Ledger()
    with pytest.raises(RuntimeError):
        list(booking(ledger).items(Arriving([], RuntimeError("no quota is left"))))
    assert ledger.spent() == {}


def door(run: Callable[[Models, Any], Iterator[Any]]) -> Door:
    return Door(models_of(0), (Task("work", run, lambda _: 3, str, lambda item: item == "done"),))


def test_the_door_books_in_this_process_off_zero() -> None:
    here = door(lambda _models, payload: iter(payload))
    assert list(here.run("work", ["a", "done"])) == ["a", "done"]
    found = here.ledger.usage("work")
    assert found is not None
    assert (found.calls, found.answers, found.asked) == (1, 1, 0)
    assert 0 < found.seconds < 60


def test_the_door_books_what_was_stopped_and_what_failed() -> None:
    def fail(_models: Models, _payload: object) -> Iterator[str]:
        yield "a"
        raise UserError("There is no memory left.")

    here = door(fail)
    steps = here.run("work", None)
    next(steps)
    steps.close()
    assert here.ledger.spent()["work"].unfinished == 1
    assert list(here.run("work", None)) == ["a", "There is no memory left."]
    assert here.ledger.spent()["work"].unfinished == 2
    assert here.ledger.usage("work") is None
