"""A lock that the garbage collector cannot make its own holder wait for."""

from __future__ import annotations

import threading

from microscope.engine.caching.guard import Guard

PATIENCE = 20.0


def test_what_its_holder_asks_for_is_done_when_it_is_open() -> None:
    guard, done = Guard(), []

    def act() -> None:
        if not guard.put_off(act):
            done.append(1)

    with guard:
        act()
        assert done == []
    guard.catch_up()
    assert done == [1]
    act()
    assert done == [1, 1]


def test_another_thread_waits_as_for_any_lock() -> None:
    guard, entered = Guard(), threading.Event()

    def enter() -> None:
        assert not guard.put_off(enter)
        with guard:
            entered.set()

    thread = threading.Thread(target=enter)
    with guard:
        thread.start()
        assert not entered.wait(0.05)
    assert entered.wait(PATIENCE)
    thread.join(PATIENCE)


def test_renewing_opens_it_and_forgets() -> None:
    guard, done = Guard(), []
    guard.__enter__()
    guard.put_off(lambda: done.append(1))
    guard.renew()
    guard.catch_up()
    with guard:
        assert done == []
