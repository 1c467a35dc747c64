"""Builds the catalogue of what this machine offers; asks the network only where a run on the Hub is to be searched."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from huggingface_hub import HfApi

from microscope.catalog.discover import Found, read_folder, search
from microscope.catalog.fields import end, nearest
from microscope.catalog.file import Entry, ModelFile, Preset, read_file
from microscope.catalog.hub import hub_client, local_commit
from microscope.catalog.override import WHERE, parse_override
from microscope.catalog.spec import BadEntry, Catalog, ModelSpec
from microscope.hardware import GB, Machine, tier

log = logging.getLogger("microscope")

# Cards report a little less than the memory they are sold with.
_REPORTED_SHARE = 0.9


class CatalogSettings(Protocol):
    """What the catalogue needs to know of the settings."""

    @property
    def models(self) -> str:
        """The checkpoints to offer instead of a preset's; empty: a preset's."""

    @property
    def preset(self) -> str | None:
        """The preset to offer; None: the one for the machine."""

    @property
    def catalog(self) -> Path:
        """The catalogue file."""

    @property
    def offline(self) -> bool:
        """Whether to stay off the network."""

    @property
    def has_token(self) -> bool:
        """Whether there is a Hub token."""


def build_catalog(settings: CatalogSettings, machine: Machine, api: HfApi | None = None) -> Catalog:
    """Return the checkpoints to offer on a machine: those the settings name, or those of a preset of the file.

    What cannot be used is a bad entry. Raises a UserError only where the file is missing or is no YAML.
    """
    asked, name = _items(settings, machine)
    specs: list[ModelSpec] = []
    bad: list[BadEntry] = []
    for item in asked:
        found = _expand(item, settings, machine, api) if isinstance(item, Entry) else Found((), (item,))
        specs.extend(_fit(spec, machine) for spec in found.specs)
        bad.extend(found.bad)
    kept, twice = _distinct(specs)
    return Catalog(kept, (*bad, *twice), name)


def named_repositories(settings: CatalogSettings, machine: Machine) -> frozenset[str]:
    """Return the Hub repositories that the catalogue names for a machine, also those in which nothing was found yet.

    Raises a UserError where the file is missing or is no YAML.
    """
    specs = [item.spec for item in _items(settings, machine)[0] if isinstance(item, Entry)]
    named = {name for spec in specs for name in (spec.source, spec.base, spec.processor_from)}
    return frozenset(name for name in named if name is not None and not Path(name).is_absolute())


def choose_preset(file: ModelFile, machine: Machine) -> Preset | None:
    """Return the preset for a machine's tier, or the one of the largest tier that its memory holds, or None.

    A preset that needs a token is never chosen unasked, nor is ZeroGPU's elsewhere: what it offers is packed.
    """
    exact = file.preset(machine.tier.name)
    if exact is not None:
        return exact
    # Half of the memory that a GPU shares with the system is the system's.
    memory = machine.vram_bytes or (machine.ram_bytes // 2 if machine.kind == "mps" else 0)
    sizes = {
        preset.name: known.vram_bytes
        for preset in file.presets
        if not preset.needs_token and (known := tier(preset.name)) is not None and known.name != "zero-a10g"
    }
    fitting = [name for name, size in sizes.items() if size * _REPORTED_SHARE <= memory]
    return file.preset(max(fitting, key=lambda name: sizes[name])) if fitting else None


def _items(settings: CatalogSettings, machine: Machine) -> tuple[tuple[Entry | BadEntry, ...], str]:
    """Return the entries to offer on a machine, and the name of what lists them."""
    if settings.models:
        return tuple(parse_override(settings.models, Path.cwd())), WHERE
    file = read_file(settings.catalog)
    preset, problem = _preset(file, settings, machine)
    return (*_asked(file, preset), *problem), preset.name if preset else ""


def _preset(
    file: ModelFile, settings: CatalogSettings, machine: Machine
) -> tuple[Preset | None, tuple[BadEntry, ...]]:
    """Return the preset to offer, and what is wrong with the choice."""
    names = [preset.name for preset in file.presets]
    problem: tuple[BadEntry, ...] = ()
    if settings.preset is not None:
        asked = file.preset(settings.preset)
        if asked is not None:
            return asked, ()
        which = f"MICROSCOPE_PRESET is {settings.preset!r}, no preset of {file.path.name}"
        problem = (BadEntry(settings.preset, end(f"{which}; {nearest(settings.preset, names)}")),)
    chosen = choose_preset(file, machine)
    if chosen is None:
        reason = f"{file.path.name} has no preset for {machine.tier.name}: add one, or set MICROSCOPE_PRESET."
        return None, (*problem, BadEntry(machine.tier.name, reason))
    if chosen.name != machine.tier.name:
        log.info("No preset for %s; using %s.", machine.tier.name, chosen.name)
    return chosen, problem


def _asked(file: ModelFile, preset: Preset | None) -> Iterable[Entry | BadEntry]:
    """Yield a preset's entries in its order, then what is wrong with it and what no other preset names."""
    wanted = [name for name, _ in preset.entries] if preset else []
    for name in wanted:
        entry = file.entry(name)
        if entry is not None:
            yield entry
    elsewhere = {name for other in file.presets for name, _ in other.entries} - set(wanted)
    yield from (bad for bad in file.bad if bad.name not in elsewhere)
    yield from preset.bad if preset else ()


def _expand(entry: Entry, settings: CatalogSettings, machine: Machine, api: HfApi | None) -> Found:
    """Return the checkpoints that an entry stands for, and those that cannot be used, told with its place."""
    spec = entry.spec
    obstacle = _obstacle(entry, settings, machine)
    if obstacle is not None:
        found = Found((), (BadEntry(entry.name, obstacle),))
    elif entry.search is not None:
        on_hub = not spec.folder and not settings.offline
        found = search(spec, entry.search, (api or hub_client()) if on_hub else None)
    elif spec.folder:
        result = read_folder(Path(spec.source), spec)
        found = Found((result,)) if isinstance(result, ModelSpec) else Found((), (result,))
    else:
        found = Found((spec,))
    bad = tuple(BadEntry(bad.name, f"{entry.where}: {bad.reason}", entry.line) for bad in found.bad)
    return Found(found.specs, bad)


def _obstacle(entry: Entry, settings: CatalogSettings, machine: Machine) -> str | None:
    """Return why an entry cannot be offered on this machine, before anything is looked up; None where it can."""
    spec = entry.spec
    if spec.min_vram is not None and spec.min_vram > machine.memory_bytes:
        needs, has = f"{spec.min_vram / GB:.0f} GB", f"{machine.memory_bytes / GB:.0f} GB"
        return f"{spec.source} needs {needs} of memory and this machine has {has}: use larger hardware."
    if spec.gated and not settings.has_token:
        page = f"https://huggingface.co/{spec.source}"
        return f"{spec.source} is gated: accept its licence on {page}, then set the HF_TOKEN secret."
    on_hub = not spec.folder and entry.search is None
    if settings.offline and on_hub and local_commit(spec.source, spec.revision) is None:
        return f"{spec.source} is not on this machine and HF_HUB_OFFLINE keeps us off the network: unset it."
    return None


def _fit(spec: ModelSpec, machine: Machine) -> ModelSpec:
    """Return the specification with what the machine decides where the entry does not."""
    return replace(
        spec,
        dtype=machine.dtype if spec.dtype == "auto" else spec.dtype,
        image_budget=spec.image_budget or machine.tier.image_budget,
    )


def _distinct(specs: list[ModelSpec]) -> tuple[tuple[ModelSpec, ...], tuple[BadEntry, ...]]:
    """Give folders of the same name their parent's name too; of two that still have one key, the second is bad.

    All of them change, so that a link made before the second one came names neither rather than the wrong one.
    """
    counts = Counter(spec.key for spec in specs)
    kept: dict[str, ModelSpec] = {}
    bad: list[BadEntry] = []
    for spec in specs:
        key = spec.key
        if spec.folder and counts[key] > 1:
            key = f"{Path(spec.source).parent.name}/{key}"
        if key in kept:
            bad.append(BadEntry(key, f"{spec.source} is entered twice: remove one of the two."))
        else:
            kept[key] = replace(spec, key=key)
    return tuple(kept.values()), tuple(bad)
