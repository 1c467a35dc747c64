"""Checks models.yaml for the hardware that the README asks for, as far as this disk can tell; asks no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from microscope.catalog.build import choose_preset
from microscope.catalog.discover import search
from microscope.catalog.file import Entry, ModelFile, Preset, read_file
from microscope.catalog.folders import read_folder
from microscope.catalog.spec import BadEntry
from microscope.hardware import GB, Tier
from microscope.space.expected import machine_of
from microscope.space.findings import Finding
from microscope.space.preflight.base import Check, Project, failed, fine, warned

NAME = "Catalogue"
FILE = "models.yaml"


def run(project: Project) -> Sequence[Finding]:
    """Return what is wrong with the catalogue, or what of it the hardware offers."""
    models = read_file(project.root / FILE)
    tier = project.tier
    if tier is None:
        found = [failed(NAME, bad.reason, "") for bad in models.bad]
        return found or [
            fine(NAME, f"{len(models.entries)} entries; no hardware is suggested, so no preset is chosen.")
        ]
    preset = choose_preset(models, machine_of(tier))
    if preset is None:
        advice = f"Add a preset {tier.name} to {FILE}, or suggest other hardware."
        return [*_bad(models, None), failed(NAME, f"{FILE} has no preset that {tier.name} would take.", advice)]
    entries = entries_of(models, preset)
    found = [*_bad(models, preset), *(one for entry in entries for one in _judge(entry, preset, tier, project.root))]
    if not entries:
        found.append(failed(NAME, f"The preset {preset.name} has no usable entry.", f"Name some in {FILE}."))
    told = f"{tier.name} offers the preset {preset.name}: {', '.join(entry.name for entry in entries)}."
    return found or [fine(NAME, told)]


def entries_of(models: ModelFile, preset: Preset) -> tuple[Entry, ...]:
    """Return the entries of a preset, in its order."""
    return tuple(entry for name, _ in preset.entries if (entry := models.entry(name)) is not None)


def _bad(models: ModelFile, preset: Preset | None) -> Iterator[Finding]:
    """Yield what could not be read; outside of the preset it is shown to nobody."""
    offered = {name for name, _ in preset.entries} if preset else set()
    for bad in models.bad:
        yield (failed if bad.name in offered else warned)(NAME, bad.reason, "")
    for bad in preset.bad if preset else ():
        yield failed(NAME, bad.reason, "")


def _judge(entry: Entry, preset: Preset, tier: Tier, root: Path) -> Iterator[Finding]:
    spec, memory = entry.spec, machine_of(tier).memory_bytes
    if spec.min_vram is not None and spec.min_vram > memory:
        reason = (
            f"{entry.where}: {entry.name} needs {spec.min_vram / GB:.0f} GB, and {tier.name} has {memory / GB:.0f}."
        )
        yield warned(NAME, reason, f"Take it out of the preset {preset.name}, or suggest larger hardware.")
    if spec.gated and not preset.needs_token:
        reason = f"{entry.where}: {entry.name} is gated, and the preset {preset.name} must work without a token."
        yield warned(NAME, reason, "Move it to a preset with needs_token: true.")
    if spec.folder:
        yield from _on_disk(entry, root)


def _on_disk(entry: Entry, root: Path) -> Iterator[Finding]:
    folder = Path(entry.spec.source)
    if not folder.resolve().is_relative_to((root / "assets").resolve()):
        reason = f"{entry.where}: {entry.name} is in {entry.spec.source}, which is not uploaded."
        yield failed(NAME, reason, "Put it under assets/, or on the Hub and name it with hub:.")
        return
    if entry.search is not None:
        bad = search(entry.spec, entry.search).bad
    else:
        result = read_folder(folder, entry.spec)
        bad = (result,) if isinstance(result, BadEntry) else ()
    yield from (failed(NAME, f"{entry.where}: {one.reason}", "") for one in bad)


CHECK = Check(NAME, run)
