"""What a tier offers: the preset that fits, how much of it, budgets and price; and whether a Space has what was asked.

The front matter alone says which tier a deploy asks for. At run time what is found decides, and a difference is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from microscope.catalog.build import choose_preset
from microscope.catalog.file import ModelFile
from microscope.hardware import TIERS, Machine, Tier, mismatch
from microscope.settings import Settings
from microscope.space.cost import MONTH_HOURS
from microscope.space.front_matter import front_matter_of, hardware_of

HOURS_A_DAY = 24
DAYS_A_MONTH = MONTH_HOURS / HOURS_A_DAY


@dataclass(frozen=True)
class Offer:
    """A tier, the preset of the catalogue that it takes (empty: none), and which of its entries fit its memory.

    `fitting` and `listed` are names of entries; an entry that is a run is one of them, however many steps it has.
    """

    tier: Tier
    preset: str
    fitting: tuple[str, ...]
    listed: tuple[str, ...]
    asked: bool = False


def offers(models: ModelFile, asked: Tier | None = None) -> tuple[Offer, ...]:
    """Return what every tier that a Space can have offers of a catalogue file; `asked` is marked."""
    return tuple(offer(known, models, asked=known == asked) for known in TIERS if known.on_hub)


def offer(known: Tier, models: ModelFile, *, asked: bool = False) -> Offer:
    """Return what a tier offers, by the rule that the app itself follows at start."""
    machine = machine_of(known)
    preset = choose_preset(models, machine)
    if preset is None:
        return Offer(known, "", (), (), asked)
    listed = tuple(name for name, _ in preset.entries)
    fitting = tuple(name for name in listed if _fits(models, name, machine))
    return Offer(known, preset.name, fitting, listed, asked)


def machine_of(known: Tier) -> Machine:
    """Return the machine that a tier is as stated; one card of it, as the app uses one."""
    kind = "zero" if known.name == "zero-a10g" else "cuda" if known.gpus else "cpu"
    return Machine(kind, known, known.ram_bytes, known.vram_bytes, known.cores, known.name, known.dtype)


def monthly_cost(known: Tier, hours_a_day: float = HOURS_A_DAY) -> float | None:
    """Return the dollars of a month of that many awake hours a day; None where nobody is billed by the hour."""
    return None if known.price_per_hour is None else known.price_per_hour * hours_a_day * DAYS_A_MONTH


def asked_tier(readme: Path) -> Tier | None:
    """Return the hardware that a README asks for, or None where it asks for none or is not there."""
    return hardware_of(front_matter_of(readme))


def mismatch_sentence(readme: Path, settings: Settings, machine: Machine) -> str:
    """Return one sentence where this Space runs on other hardware than its README asks for; empty elsewhere."""
    asked = asked_tier(readme) if settings.on_space else None
    if asked is None:
        return ""
    if settings.platform.accelerator == asked.name and asked.gpus and machine.kind == "cpu":
        return f"This Space has {asked.name}, and its GPU cannot be used: restart the Space from its settings."
    return mismatch(asked, machine)


def _fits(models: ModelFile, name: str, machine: Machine) -> bool:
    entry = models.entry(name)
    if entry is None:
        return False
    return entry.spec.min_vram is None or entry.spec.min_vram <= machine.memory_bytes
