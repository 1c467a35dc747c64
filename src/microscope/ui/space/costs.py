"""What the Space costs, as the tab shows it: names with values, and tables; computes no price itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from microscope.engine.usage import Spent, Usage
from microscope.hardware import GB, Machine
from microscope.space.cost import ZERO, admitted, cost, habit_of
from microscope.ui.space import markup, words


@dataclass(frozen=True)
class Running:
    """How the app runs now: for how many seconds, what answers took, what all work took, and when it sleeps.

    `machine` has the hardware that is billed, `on_space` tells whether a Space's is. `sleep` is the sentence about
    sleep, `sleep_seconds` the time, None where it never sleeps or nobody knows.
    """

    machine: Machine
    uptime: float
    usage: Usage | None = None
    spent: Mapping[str, Spent] = field(default_factory=dict)
    sleep: str = ""
    sleep_seconds: int | None = None
    on_space: bool = False


def costs(running: Running) -> str:
    """Return everything about money and seconds."""
    parts = [markup.facts([*_facts(running)])]
    if running.usage is None:
        parts.append(markup.note(words.NOT_MEASURED))
    elif running.machine.tier.name == ZERO:
        rows = [
            (one.quota.who, words.quota(one.quota.seconds), f"{one.calls:,}", f"{one.answers:,}")
            for one in admitted(running.usage)
        ]
        parts += [markup.table(words.QUOTA, words.QUOTA_COLUMNS, rows), markup.note(words.QUOTA_NOTE)]
    if running.spent:
        rows = [words.task_row(name, spent) for name, spent in sorted(running.spent.items())]
        caption = words.TASKS if running.machine.kind in ("zero", "cuda") else words.TASKS_HERE
        parts.append(markup.table(caption, words.TASK_COLUMNS, rows))
    return f"<h3>{words.COST}</h3>{''.join(parts)}"


def _facts(running: Running) -> Iterator[tuple[str, str]]:
    tier, usage = running.machine.tier, running.usage
    habit = habit_of(running.sleep_seconds)
    found = cost(tier, running.uptime, usage, habit)
    yield words.HARDWARE, _hardware(running.machine)
    billed = found is not None and found.price > 0
    yield words.PRICE, words.hourly(tier.price_per_hour or 0) if billed else _free(running)
    yield words.RUNNING, words.span(running.uptime)
    if running.sleep:
        yield words.SLEEP, running.sleep
    if found is not None and billed:
        yield words.SO_FAR, words.money(found.so_far)
        yield words.ALWAYS, words.money(found.month)
        yield words.month_asleep(habit), words.money(found.month_asleep)
        if found.answer is not None and usage is not None:
            yield words.ANSWER, words.share(found.answer, usage)
    if usage is not None:
        yield words.MEASURED, words.measured(usage)
        if usage.asked:
            yield words.ASKED, words.asked(usage)


def _hardware(machine: Machine) -> str:
    memory = machine.memory_bytes
    size = f", {memory / GB:.0f} GB" if memory else ""
    named = f", {machine.device_name}" if machine.device_name not in ("", machine.tier.name) else ""
    return f"{machine.tier.name}{named}{size}"


def _free(running: Running) -> str:
    """Return what stands in place of a price: hardware of a Space may be newer than the table of prices."""
    tier = running.machine.tier
    if tier.name == ZERO:
        return words.FREE_FOR_OWNER
    if tier.price_per_hour is None:
        return words.NOT_KNOWN if running.on_space else words.NOT_BILLED
    return words.FREE
