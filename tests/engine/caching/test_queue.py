"""Who waits, in which order, for which model."""

from __future__ import annotations

from microscope.engine.caching.queue import Ask, Queue
from microscope.engine.caching.states import Want


def test_the_oldest_comes_first_and_what_is_asked_ahead_is_apart() -> None:
    queue = Queue()
    for ticket, since, eager in ((1, 5.0, True), (2, 3.0, True), (3, 1.0, False), (4, 5.0, True)):
        queue.add(Ask(ticket, Want("ab"[ticket % 2]), since, eager))
    assert [ask.ticket for ask in queue.eager()] == [2, 1, 4]
    assert [ask.ticket for ask in queue.ahead_of_time()] == [3]
    assert [ask.ticket for ask in queue.of("b")] == [1, 3]
    assert len(queue) == 4


def test_who_leaves_is_gone() -> None:
    queue = Queue()
    queue.add(Ask(1, Want("a"), 0.0))
    assert queue.get(1) is queue.remove(1)
    assert queue.remove(1) is None
    assert queue.get(1) is None
    queue.add(Ask(2, Want("a"), 0.0))
    queue.clear()
    assert queue.eager() == []
