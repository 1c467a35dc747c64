"""What hardware costs by the clock, and how many answers a visitor's quota of a day admits."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from microscope.hardware import TIERS, Tier, tier
from microscope.space.cost import HABIT, MONTH_HOURS, QUOTAS, Habit, admitted, calls_in, cost, habit_of


@dataclass(frozen=True)
class Took:
    """What a test says was measured."""

    calls: int = 10
    answers: int = 10
    seconds: float = 4.0
    last: float = 4.0
    call_seconds: float = 4.0
    asked: float = 9.0


def known(name: str) -> Tier:
    found = tier(name)
    assert found is not None
    return found


def test_hardware_is_billed_by_the_minute_that_began() -> None:
    found = cost(known("t4-small"), 61.0, None)
    assert found is not None
    assert found.price == 0.40
    assert found.so_far == pytest.approx(0.40 * 2 / 60)
    assert found.month == pytest.approx(0.40 * MONTH_HOURS)
    assert found.answer is None
    begun = cost(known("t4-small"), 0.0, None)
    assert begun is not None
    assert begun.so_far == 0


def test_an_answer_costs_its_share_of_the_hour() -> None:
    found = cost(known("a100-large"), 3600, Took(seconds=7.2))
    assert found is not None
    assert found.answer == pytest.approx(2.50 * 7.2 / 3600)
    assert found.so_far == pytest.approx(2.50)


def test_a_month_with_sleep_counts_the_hours_in_use_and_those_before_it_sleeps() -> None:
    found = cost(known("l4x1"), 0, None, Habit(days=10, hours=3, sleep_hours=0.5))
    assert found is not None
    assert found.month_asleep == pytest.approx(0.80 * 35)
    assert cost(known("l4x1"), 0, None).month_asleep == pytest.approx(0.80 * HABIT.running)  # type: ignore[union-attr]
    assert Habit(days=31, hours=20, sleep_hours=20).running == MONTH_HOURS


@pytest.mark.parametrize("name", ["zero-a10g", "local-cpu", "local-cuda", "local-mps"])
def test_nobody_is_billed_by_the_hour_there(name: str) -> None:
    assert cost(known(name), 3600, Took()) is None


def test_every_other_tier_has_a_price() -> None:
    unbilled = {one.name for one in TIERS if cost(one, 60, None) is None}
    assert unbilled == {"zero-a10g", "local-cpu", "local-cuda", "local-mps"}
    assert cost(known("cpu-basic"), 3600, Took()).so_far == 0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("quota", "asked", "used", "calls"),
    [
        # 12 is asked for and 4 taken: it goes on until less than 12 is left.
        (120, 12, 4, 28),
        (120, 12, 12, 10),
        (120, 120, 1, 1),
        (120, 121, 1, 0),
        (120, 12, 0, 1081),
        # No call takes more than it asked for.
        (120, 12, 500, 10),
        (0.3, 0.1, 0.1, 3),
        (120, 0, 4, 0),
    ],
)
def test_a_call_is_admitted_while_what_it_asks_for_is_left(
    quota: float, asked: float, used: float, calls: int
) -> None:
    assert calls_in(quota, asked, used) == calls
    if 0 < asked <= quota and used >= 0.1:
        left, counted = quota, 0
        while left >= asked - 1e-9:
            left, counted = left - min(used, asked), counted + 1
        assert counted == calls


def test_each_kind_of_visitor_has_a_quota_and_answers_come_by_the_call() -> None:
    found = admitted(Took(calls=10, answers=25, asked=12, call_seconds=4))
    assert [one.quota for one in found] == list(QUOTAS)
    assert [(one.quota.seconds, one.calls, one.answers) for one in found] == [
        (120, 28, 70),
        (300, 73, 182),
        (2400, 598, 1495),
    ]


def test_a_month_follows_the_sleep_that_is_set() -> None:
    assert habit_of(None) == HABIT
    assert habit_of(7200) == Habit(HABIT.days, HABIT.hours, 2.0)
    asleep = [cost(known("l4x1"), 0, None, habit_of(seconds)).month_asleep for seconds in (600, 3600, 86_400)]  # type: ignore[union-attr]
    assert asleep == sorted(set(asleep))
