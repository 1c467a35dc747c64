"""`microscope tiers`: what each hardware of a Space holds, offers and costs, and which one README.md asks for."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from microscope.errors import UserError
from microscope.hardware import GB
from microscope.settings import REPOSITORY, Settings

if TYPE_CHECKING:
    from microscope.space.expected import Offer
    from microscope.space.front_matter import FrontMatter

WIDTH = 80
HOURS, SLEEP_SECONDS = 4.0, 3600
DAY_SECONDS = 24 * 3600
MARK = ">"
HEAD = ("  Hardware", "VRAM", "RAM", "$/hour", "Budget", "Preset", "Fits", "Always", "Sleeps")
LEFT = ("  Hardware", "Preset")
FREE = "free"


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser(
        "tiers",
        help="list the hardware a Space can have: memory, price, what fits, and what README.md asks for",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    command.add_argument("--hours-a-day", type=float, default=HOURS, metavar="H", help="hours of use, in one go")
    command.add_argument(
        "--sleep",
        type=int,
        default=SLEEP_SECONDS,
        metavar="SECONDS",
        help="how long it stays awake after that",
    )
    command.add_argument("--json", action="store_true", help="print it as JSON, in bytes and dollars")
    command.set_defaults(run=tiers)


def tiers(given: argparse.Namespace, settings: Settings) -> int:
    """Print the tiers."""
    from microscope.catalog.file import read_file
    from microscope.space.expected import offers
    from microscope.space.front_matter import front_matter_of, hardware_of

    awake = _awake_hours(given.hours_a_day, given.sleep)
    front = front_matter_of(REPOSITORY / "README.md")
    found = offers(read_file(settings.catalog), hardware_of(front))
    if given.json:
        assumed = {"hours_a_day": given.hours_a_day, "sleep_seconds": given.sleep, "awake_hours_a_day": awake}
        print(json.dumps({"assumed": assumed, "tiers": [_record(one, awake) for one in found]}, indent=2))
        return 0
    print(_table(found, awake))
    print()
    for note in (_asked(front), *_notes(given, awake)):
        print(textwrap.fill(note, WIDTH))
    return 0


def _awake_hours(hours: float, sleep: int) -> float:
    """Return the billed hours of a day: those of use, and the one wait before it sleeps."""
    if not 0 <= hours <= DAY_SECONDS / 3600:
        raise UserError(f"--hours-a-day is {hours:g}; give it a number from 0 to 24.")
    if not 0 <= sleep <= DAY_SECONDS:
        raise UserError(f"--sleep is {sleep}; give it a number of seconds from 0 to {DAY_SECONDS}.")
    return min(24.0, hours + sleep / 3600) if hours else 0.0


def _record(one: Offer, awake: float) -> dict[str, Any]:
    from microscope.space.expected import monthly_cost

    tier = one.tier
    return {
        "name": tier.name,
        "asked": one.asked,
        "cards": tier.gpus,
        "vram_bytes": tier.vram_bytes,
        "ram_bytes": tier.ram_bytes or None,
        "price_per_hour": tier.price_per_hour,
        "weights_budget_bytes": tier.weights_budget_bytes,
        "preset": one.preset or None,
        "fitting": list(one.fitting),
        "not_fitting": [name for name in one.listed if name not in one.fitting],
        "monthly_always_on": monthly_cost(tier),
        "monthly_with_sleep": monthly_cost(tier, awake),
    }


def _row(one: Offer, awake: float) -> tuple[str, ...]:
    from microscope.space.expected import monthly_cost

    tier = one.tier
    vram = f"{tier.vram_bytes / GB:.0f}" if tier.vram_bytes else ""
    return (
        f"{MARK if one.asked else ' '} {tier.name}",
        f"{tier.gpus}x{vram}" if tier.gpus > 1 else vram,
        f"{tier.ram_bytes / GB:.0f}" if tier.ram_bytes else "",
        f"{tier.price_per_hour:.2f}" if tier.price_per_hour else FREE,
        f"{tier.weights_budget_bytes / GB:.1f}",
        one.preset or "none",
        f"{len(one.fitting)}/{len(one.listed)}" if one.preset else "",
        _dollars(monthly_cost(tier)),
        _dollars(monthly_cost(tier, awake)),
    )


def _dollars(cost: float | None) -> str:
    return f"{cost:.0f}" if cost else FREE


def _table(found: Sequence[Offer], awake: float) -> str:
    rows = [HEAD, *(_row(one, awake) for one in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.ljust(width) if name in LEFT else cell.rjust(width)
            for name, cell, width in zip(HEAD, row, widths, strict=True)
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _asked(front: FrontMatter) -> str:
    """Return which hardware README.md asks for, or what is wrong with its line."""
    wrong = next((one.told() for one in front.problems if one.key in ("", "suggested_hardware", "hardware")), "")
    asked = front.text("suggested_hardware")
    return wrong or (f"{MARK} README.md asks for {asked}." if asked else "README.md has no suggested_hardware.")


def _notes(given: argparse.Namespace, awake: float) -> tuple[str, ...]:
    """Return what the columns mean and what is assumed, one paragraph each."""
    from microscope.space.expected import DAYS_A_MONTH

    memory = (
        "VRAM, RAM, Budget: GB; the app answers on one card, whose weights take at most the budget. Preset, Fits: "
        "what models.yaml offers there, and how many of its entries have the memory they ask for."
    )
    price = (
        f"Always, Sleeps: dollars a month of {DAYS_A_MONTH:.1f} days, awake all day, and {awake:g} hours a day: "
        f"{given.hours_a_day:g} of use in one go, and {given.sleep} seconds until it sleeps (--hours-a-day, "
        "--sleep). Every further visit adds that wait, and every start its minutes; a build is not billed. Paid "
        "hardware sleeps only where a sleep time is set."
    )
    free = (
        "zero-a10g costs its owner nothing; visitors pay with a daily quota of GPU seconds. cpu-basic is free of "
        "charge and sleeps after 48 hours; to create such a Space takes a paid plan."
    )
    return memory, price, free
