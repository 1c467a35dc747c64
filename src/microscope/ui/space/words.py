"""Every sentence of the Setup tab and of its banner that no finding says itself; knows no component."""

from __future__ import annotations

from microscope.engine.usage import Spent, Usage
from microscope.space.cost import HOUR, Habit
from microscope.space.findings import Status

# Amounts in dollars: less is not told exactly, less has its first digits, more has no cents.
LEAST, CENT, WHOLE = 0.0001, 0.01, 100

TAB = "Setup"
HEADING = "Setup"
ONLY_YOU = "Only you see this: the server shows it to the owner alone."
HERE_ONLY = (
    "This copy runs on a machine of your own, so this is about that machine. On a Space the owner alone sees this "
    "tab, with the Space's hardware, price, sleep, storage and deploys."
)
REFRESH = "Refresh"
SETTINGS_PAGE = "Settings of this Space"
WHOLE_LIST = "The Setup tab has the whole list, and what this Space costs."

# The groups of the list, in order, and the mark of what keeps something from working.
GROUPS = (
    ("To do", (Status.FAILED, Status.WARNING)),
    ("In order", (Status.OK,)),
    ("Optional", (Status.SKIPPED,)),
)
FAILED = "Not working"
ALL_DONE = "Nothing is missing."
COPY = "Copy"
# What the script says; it finds them beside the list.
COPIED = "Copied"
NOT_COPIED = "Press Ctrl+C"

COST = "What it costs"
HARDWARE = "Hardware"
PRICE = "Price"
RUNNING = "Running for"
SO_FAR = "Cost since it started"
SLEEP = "Sleep"
ALWAYS = "A month always on"
ANSWER = "One answer"
ASKED = "Asked for"
MEASURED = "Measured"
FREE_FOR_OWNER = "You pay nothing: a visitor's answers are taken off that visitor's own daily quota"
FREE = "Free"
NOT_KNOWN = "Not known here; the settings page shows it"
NOT_BILLED = "Nobody is billed by the hour here"
NOT_MEASURED = (
    "No answer has been computed since the start, so there is nothing to tell yet. Examples and answers that are "
    "known already cost nothing."
)
QUOTA = "What a visitor's day holds"
QUOTA_COLUMNS = ("Visitor", "Quota a day", "Runs", "Answers")
QUOTA_NOTE = (
    "The platform lets a run in while what it asks for is left, and takes off what it used. Starting a worker is not "
    "measured and counts as well, so the true number is a little smaller."
)
TASKS = "All GPU time since the start"
TASKS_HERE = "All computing since the start"
TASK_COLUMNS = ("For", "Runs", "Stopped or failed", "Seconds")
TASK_NAMES = {"answer": "Answers", "lens": "Lens", "evaluate": "Evaluate"}


def begin(count: int) -> str:
    """Head the banner: how many things are to do."""
    return f"{TAB}: {'one thing' if count == 1 else f'{count} things'} to do"


def money(dollars: float) -> str:
    """Return an amount as people read it; a small one with the digits that say something."""
    if 0 < dollars < LEAST:
        return f"less than ${LEAST}"
    if 0 < dollars < CENT:
        return f"${dollars:.2g}"
    return f"${dollars:.2f}" if dollars < WHOLE else f"${dollars:,.0f}"


def hourly(price: float) -> str:
    """Return a price by the hour."""
    return f"{money(price)} an hour while it starts and runs, by the minute"


def month_asleep(habit: Habit) -> str:
    """Name a month in which it sleeps when nobody is there."""
    asleep = span(habit.sleep_hours * HOUR)
    return f"A month of {habit.days} days with {number(habit.hours)} h of use, asleep {asleep} after"


def span(seconds: float) -> str:
    """Return a time in the two units that matter."""
    minutes = int(seconds // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"


def number(value: float) -> str:
    """Return a number with a decimal where it is small enough to matter."""
    return f"{value:.2f}" if value < 1 and value else f"{value:.1f}".removesuffix(".0")


def measured(usage: Usage) -> str:
    """Say what an answer took, and from how many that is known."""
    calls = "one run" if usage.calls == 1 else f"{usage.calls:,} runs"
    answers = "one answer" if usage.answers == 1 else f"{usage.answers:,} answers"
    return (
        f"{number(usage.seconds)} s an answer in the mean, {number(usage.median)} s in the median, "
        f"{number(usage.last)} s the last; {answers} in {calls}"
    )


def asked(usage: Usage) -> str:
    """Say what a run asks the platform for, beside what it used."""
    return f"{number(usage.asked)} s a run in the mean, where the work took {number(usage.call_seconds)} s"


def share(dollars: float, usage: Usage) -> str:
    """Say what part of the hour's price one answer is."""
    return f"{money(dollars)}, its {number(usage.seconds)} s of the hour's price"


def task_row(name: str, spent: Spent) -> tuple[str, str, str, str]:
    """Return what one kind of work took."""
    return TASK_NAMES.get(name, name), f"{spent.calls:,}", f"{spent.unfinished:,}", f"{spent.seconds:,.1f}"


def quota(seconds: int) -> str:
    """Return a quota of a day."""
    return f"{seconds // 60} min"
