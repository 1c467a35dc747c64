"""Asks the Hub about the checkpoints that are offered: there, readable, safetensors, small enough, their licence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from huggingface_hub import HfApi, ModelInfo

from microscope.catalog.build import choose_preset
from microscope.catalog.discover import search
from microscope.catalog.file import Entry, read_file
from microscope.catalog.folders import checkpoint_problem
from microscope.catalog.hub import UnreachableError, ask, licence_of
from microscope.catalog.names import is_hub_id
from microscope.errors import UserError
from microscope.hardware import GB, Tier
from microscope.space.expected import machine_of
from microscope.space.findings import Finding
from microscope.space.preflight.base import Check, Project, failed, fine, listed, warned
from microscope.space.preflight.catalogue import FILE, entries_of

NAME = "Models on the Hub"
# What answers need beside the weights.
MOST_SHARE = 0.8
AGAIN = "Check the network, or leave this out with --offline."


def run(project: Project) -> Sequence[Finding]:
    """Return what is wrong with the entries that the suggested hardware offers from the Hub."""
    tier = project.tier
    models = read_file(project.root / FILE)
    preset = choose_preset(models, machine_of(tier)) if tier is not None else None
    if tier is None or preset is None:
        return [fine(NAME, "None is looked for: nothing says which would be offered.")]
    entries = [entry for entry in entries_of(models, preset) if not entry.spec.folder]
    api = project.hub()
    found: list[Finding] = []
    for entry in entries:
        try:
            found.extend(_judge(entry, tier, api))
        except UnreachableError:
            return [*found, warned(NAME, "The Hub cannot be reached.", AGAIN)]
        except UserError as error:
            found.append(failed(NAME, f"{entry.where}: {error}", ""))
    told = listed([entry.name for entry in entries]) or "none is offered"
    return found or [fine(NAME, f"There, in safetensors, and small enough for {tier.name}: {told}.")]


def _judge(entry: Entry, tier: Tier, api: HfApi) -> Iterator[Finding]:
    spec = entry.spec
    if spec.gated and api.token is False:
        advice = "See that the Space's HF_TOKEN is of an account that has accepted the licence."
        yield warned(NAME, f"{entry.where}: {entry.name} is gated, and no token is here to look with.", advice)
        return
    if entry.search is not None:
        # A search tells of a Hub that does not answer as of an entry that is wrong.
        ask(spec.source, spec.revision, api)
        found = search(spec, entry.search, api).bad
        yield from (failed(NAME, f"{entry.where}: {bad.reason}", "") for bad in found if not bad.away)
        if away := listed([bad.name for bad in found if bad.away]):
            yield warned(NAME, f"{entry.where}: The Hub cannot be reached any more; not asked about: {away}.", AGAIN)
        return
    info = ask(spec.source, spec.revision, api)
    base = ask(spec.base, spec.base_revision, api) if spec.base and is_hub_id(spec.base) else None
    files = _files(info, spec.subfolder)
    problem = checkpoint_problem(files)
    if problem is not None:
        yield failed(NAME, f"{entry.where}: {spec.source} {problem}.", "Name another, or convert it to safetensors.")
    if spec.processor_from and is_hub_id(spec.processor_from):
        ask(spec.processor_from, None, api)
    if (info.gated or (base is not None and base.gated)) and not spec.gated:
        advice = "Say gated: true there, and give the Space an HF_TOKEN with microscope space configure --secret."
        yield warned(NAME, f"{entry.where}: {entry.name} is gated, and only a token opens it.", advice)
    weights = _weights(files) + (_weights(_files(base, None)) if base is not None else 0)
    yield from _fits(entry, weights, tier)
    yield from _licensed(entry, licence_of(info))


def _files(info: ModelInfo, subfolder: str | None) -> dict[str, int]:
    """Return the files of a folder of a repository by name, with their bytes."""
    top = f"{subfolder}/" if subfolder else ""
    files = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or ()}
    inside = {path.removeprefix(top): size for path, size in files.items() if path.startswith(top)}
    return {path: size for path, size in inside.items() if "/" not in path}


def _weights(files: Mapping[str, int]) -> int:
    return sum(size for name, size in files.items() if name.endswith(".safetensors"))


def _fits(entry: Entry, weights: int, tier: Tier) -> Iterator[Finding]:
    memory = machine_of(tier).memory_bytes
    if weights > memory * MOST_SHARE:
        room = f"{tier.name} has {memory / GB:.0f} GB for all"
        reason = f"{entry.where}: {entry.name} has {weights / GB:.1f} GB of weights, and {room}."
        advice = "Offer a smaller one there, or suggest larger hardware."
        yield (failed if weights > memory else warned)(NAME, reason, advice)


def _licensed(entry: Entry, licence: str | None) -> Iterator[Finding]:
    stated = entry.spec.licence
    if stated and licence and stated.casefold() != licence.casefold():
        reason = f"{entry.where}: {entry.name} is under {licence}, and the entry says {stated}."
        yield warned(NAME, reason, f"Write licence: {licence} there, or name the revision that was meant.")


CHECK = Check(NAME, run, network=True)
