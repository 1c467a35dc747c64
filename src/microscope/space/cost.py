"""What a Space costs its owner and its visitors, from prices, the clock and what was measured; asks nobody.

Prices are those of `hardware.TIERS`. Hardware is billed by the minute while a Space starts and runs; ZeroGPU costs its
owner nothing, and each of its visitors a part of a daily quota of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

from microscope.hardware import Tier

ZERO, FREE_CPU = "zero-a10g", "cpu-basic"
MINUTE, HOUR = 60, 3600
# Hours of a mean month.
MONTH_HOURS = 730
# After so long without a visit hardware that costs nothing goes to sleep, and nobody can change it.
FREE_SLEEP_HOURS = 48


@dataclass(frozen=True)
class Quota:
    """The seconds of ZeroGPU that a kind of visitor has a day."""

    who: str
    seconds: int


QUOTAS = (Quota("without an account", 120), Quota("with a free account", 300), Quota("with PRO", 2400))


@dataclass(frozen=True)
class Habit:
    """How a Space is assumed to be used: days a month, hours in one go on each, and when it sleeps after them."""

    days: int = 22
    hours: float = 2
    sleep_hours: float = 1

    @property
    def running(self) -> float:
        """Return the hours a month in which the Space runs, and is billed."""
        return min(MONTH_HOURS, self.days * min(24, self.hours + self.sleep_hours))


HABIT = Habit()


def habit_of(sleep_seconds: int | None) -> Habit:
    """Return the usual habit for a Space that sleeps after so many seconds; None: as if it slept after an hour."""
    return HABIT if sleep_seconds is None else replace(HABIT, sleep_hours=sleep_seconds / HOUR)


class Took(Protocol):
    """What answers took, as measured: seconds of the accelerator for an answer and for a call, and what was asked for.

    A call makes one answer or several; `asked` is 0 where no platform is asked for seconds.
    """

    @property
    def calls(self) -> int:
        """Return how many calls were measured."""
        ...

    @property
    def answers(self) -> int:
        """Return how many answers they made."""
        ...

    @property
    def seconds(self) -> float:
        """Return the seconds of one answer."""
        ...

    @property
    def last(self) -> float:
        """Return the seconds of the latest answer."""
        ...

    @property
    def call_seconds(self) -> float:
        """Return the seconds of one call."""
        ...

    @property
    def asked(self) -> float:
        """Return the seconds that the platform was asked for, a call."""
        ...


@dataclass(frozen=True)
class Cost:
    """What the owner pays, in dollars; None where nobody is billed by the hour, as at home and on ZeroGPU.

    `so_far` is since the process started, rounded up to the minute; `answer` is one answer's share of the hour.
    """

    price: float
    so_far: float
    month: float
    month_asleep: float
    answer: float | None


@dataclass(frozen=True)
class Admitted:
    """How many calls, and answers in them, one visitor's quota of a day lets in."""

    quota: Quota
    calls: int
    answers: int


def cost(tier: Tier, uptime: float, took: Took | None, habit: Habit = HABIT) -> Cost | None:
    """Return what hardware costs that is billed by the hour, after so many seconds; None where nothing is."""
    price = tier.price_per_hour
    if price is None:
        return None
    minutes = math.ceil(max(0.0, uptime) / MINUTE)
    return Cost(
        price=price,
        so_far=price * minutes * MINUTE / HOUR,
        month=price * MONTH_HOURS,
        month_asleep=price * habit.running,
        answer=None if took is None else price * took.seconds / HOUR,
    )


def admitted(took: Took) -> tuple[Admitted, ...]:
    """Return what each quota lets in, for calls that ask for and take what was measured."""
    each = took.answers / max(1, took.calls)
    found = ((quota, calls_in(quota.seconds, took.asked, took.call_seconds)) for quota in QUOTAS)
    return tuple(Admitted(quota, calls, int(calls * each)) for quota, calls in found)


def calls_in(quota: float, asked: float, used: float) -> int:
    """Return how many calls a quota in seconds lets in: one is admitted while what it asks for is left.

    What it took is then taken off, which is at most what it asked for: a call that takes longer is ended.
    """
    if asked <= 0 or asked > quota:
        return 0
    taken = min(max(used, 0.1), asked)
    # A hair more, for what sums of fractions lose.
    return math.floor((quota - asked) / taken + 1e-9) + 1
