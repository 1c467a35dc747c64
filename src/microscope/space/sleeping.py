"""When a Space goes to sleep, as the Hub tells it, and what is to be done about it; asks once, and briefly."""

from __future__ import annotations

from dataclasses import dataclass
from json import JSONDecodeError

from huggingface_hub import HfApi
from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled

from microscope.catalog.hub import hub_client
from microscope.hardware import Tier
from microscope.space.cost import FREE_CPU, FREE_SLEEP_HOURS, HOUR, ZERO
from microscope.space.findings import Finding, Status
from microscope.space.names import FOREVER

SUBJECT = "Sleep"
UNITS = ((24 * HOUR, "day"), (HOUR, "hour"), (60, "minute"), (1, "second"))
# Long enough to look at something for a while, short against a night.
WORTH = HOUR


@dataclass(frozen=True)
class Sleep:
    """After how many seconds without a visitor the Space sleeps, None where it never does.

    `known` tells whether the Hub could be asked.
    """

    seconds: int | None = None
    known: bool = True


def sleep_of(space: str, api: HfApi | None = None) -> Sleep:
    """Return what the Hub tells about a Space's sleep; unknown where it does not answer."""
    try:
        seconds = (api or hub_client()).get_space_runtime(space).sleep_time
    except (HTTPError, OfflineModeIsEnabled, JSONDecodeError, KeyError):
        return Sleep(known=False)
    return Sleep(None if seconds == FOREVER else seconds)


def sleep_finding(space: str, tier: Tier, sleep: Sleep) -> Finding:
    """Return how it stands: hardware that never sleeps is worth a word where it is billed, or may be."""
    if tier.name == FREE_CPU:
        detail = f"After {FREE_SLEEP_HOURS} hours without a visitor, and nobody can change that; a visit wakes it."
        return Finding(SUBJECT, Status.OK, detail)
    command = f"hf spaces settings {space} --sleep-time {WORTH}"
    if not sleep.known:
        return Finding(
            SUBJECT,
            Status.SKIPPED,
            "The Hub could not be asked when this Space sleeps.",
            "The settings page shows it, and this sets it.",
            command if tier.name != ZERO else "",
        )
    if sleep.seconds is not None:
        detail = f"After {spoken(sleep.seconds)} without a visitor; a visit wakes it."
        return Finding(SUBJECT, Status.OK, detail)
    if tier.name == ZERO:
        return Finding(SUBJECT, Status.OK, "No time to sleep after is set; it costs you nothing awake.")
    billed = "It never sleeps, and its price is not known here; the settings page shows it."
    if tier.price_per_hour is not None:
        billed = f"It never sleeps, and is billed day and night: ${tier.price_per_hour:.2f} an hour."
    return Finding(
        SUBJECT,
        Status.WARNING,
        billed,
        f"Let it sleep after {spoken(WORTH)} without a visitor; a visit wakes it.",
        command,
    )


def spoken(seconds: int) -> str:
    """Return a time in the largest unit that divides it."""
    size, unit = next(pair for pair in UNITS if seconds % pair[0] == 0)
    count = seconds // size
    return f"{count} {unit}{'' if count == 1 else 's'}"
