"""What a wait will take: bytes over measured bytes per second, and the uses ahead."""

from __future__ import annotations

import pytest

from microscope.engine.caching.estimate import LOAD_BYTES_PER_SECOND, RUN_SECONDS, Rates, waiting
from microscope.engine.caching.scheduler import Scheduler
from microscope.engine.caching.states import Progress, Waiting, Want

GB = 10**9


def measured() -> Rates:
    rates = Rates()
    rates.loaded(2 * GB, 1.0)
    rates.ran(3.0)
    return rates


def want(model: str, size: int = GB) -> Want:
    return Want(model, model, model, size)


def test_rates_are_moving_averages_once_something_was_measured() -> None:
    rates = Rates()
    assert (rates.load_bytes_per_second, rates.run_seconds) == (LOAD_BYTES_PER_SECOND, RUN_SECONDS)
    rates.loaded(4 * GB, 2.0)
    rates.ran(1.0)
    assert (rates.load_bytes_per_second, rates.run_seconds) == (2 * GB, 1.0)
    rates.loaded(4 * GB, 1.0)
    rates.ran(2.0)
    assert (rates.load_bytes_per_second, rates.run_seconds) == (3 * GB, 1.5)
    rates.loaded(0, 1.0)
    assert rates.load_bytes_per_second == 3 * GB


def test_one_waits_for_its_own_load() -> None:
    scheduler = Scheduler(10 * GB, lanes=1)
    ticket, _ = scheduler.ask(want("a"), 0.0)
    loads = {"a": Progress(0.0, GB // 2, GB)}
    assert waiting(scheduler, ticket, 0.2, measured(), loads) == Waiting(0, pytest.approx(0.3), True, GB // 2, GB)


def test_one_waits_for_the_loads_and_uses_ahead() -> None:
    scheduler = Scheduler(3 * GB, lanes=1)
    running, _ = scheduler.ask(want("a"), 0.0)
    scheduler.loaded("a", GB, 0.0)
    scheduler.ask(want("b"), 1.0)
    third, _ = scheduler.ask(want("c", 2 * GB), 2.0)
    loads = {"b": Progress(1.0, 0, GB)}
    status = waiting(scheduler, third, 1.0, measured(), loads)
    # B has half a second to go, C takes one, and two uses of three seconds come before.
    assert status == Waiting(2, pytest.approx(0.5 + 1.0 + 6.0), False, 0, 2 * GB)
    assert waiting(scheduler, running, 1.0, measured(), loads) is None


def test_one_whose_model_is_ready_waits_for_its_turn() -> None:
    scheduler = Scheduler(3 * GB, lanes=2)
    for _ in range(2):
        ticket, _ = scheduler.ask(want("a"), 0.0)
    scheduler.loaded("a", GB, 0.0)
    third, _ = scheduler.ask(want("a"), 0.0)
    # Two uses on two lanes are one round.
    assert waiting(scheduler, third, 0.0, measured(), {}) == Waiting(2, pytest.approx(3.0))
    assert waiting(scheduler, ticket, 0.0, measured(), {}) is None
