"""Finds the checkpoints of a training run, in a folder or on the Hub; downloads nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled

from microscope.catalog.folders import ADAPTER, CONFIG, checkpoint_problem, folder_reason, is_adapter, read_folder
from microscope.catalog.hub import UnreachableError, ask, explain_hub_error, licence_of, parameters_of
from microscope.catalog.names import Search, is_revision, parse_step, training_order
from microscope.catalog.spec import BadEntry, ModelSpec
from microscope.errors import UserError

# A question to the Hub for each revision: more than these would keep the page from opening.
MOST_REVISIONS = 100
_SIMULTANEOUS = 8


@dataclass(frozen=True)
class Found:
    """The checkpoints of a search in training order, and those that cannot be used."""

    specs: tuple[ModelSpec, ...]
    bad: tuple[BadEntry, ...] = ()


def search(template: ModelSpec, where: Search, api: HfApi | None = None) -> Found:
    """Find the checkpoints of the run that `template.source` names; what they have in common comes from the template.

    A search that fails as a whole is told as one bad entry. The Hub's client is needed for what is on the Hub.
    """
    try:
        found = _SEARCHES[where](template, api)
    except (UserError, OSError) as error:
        reason = folder_reason(error, template.source)
        # Not every sentence about the Hub names who was asked for.
        named = reason if template.source in reason else f"{template.source}: {reason}"
        return Found((), (BadEntry(template.key, named, away=isinstance(error, UnreachableError)),))
    if not found.specs and not found.bad:
        reason = (
            f"{template.source} has no checkpoint among {where.value}: each needs a config.json and a "
            "model.safetensors."
        )
        return Found((), (BadEntry(template.key, reason),))
    return found


def _search_folder(template: ModelSpec, _: HfApi | None) -> Found:
    """Find the checkpoints one level below a folder, then the one in the folder itself: what the run ended with."""
    folder = Path(template.source)
    inside = sorted((path.name for path in folder.iterdir()), key=training_order)
    folders = [folder / name for name in inside if not name.startswith(".") and (folder / name).is_dir()]
    specs: list[ModelSpec] = []
    bad: list[BadEntry] = []
    for candidate in [*folders, folder]:
        if not ((candidate / CONFIG).is_file() or (candidate / ADAPTER).is_file()):
            continue
        label = _label(template, candidate.name)
        result = read_folder(candidate, replace(template, label=label, run=template.run or folder.name))
        if isinstance(result, BadEntry):
            bad.append(result)
        else:
            specs.append(result)
    return Found(tuple(specs), tuple(bad))


def _search_revisions(template: ModelSpec, api: HfApi | None) -> Found:
    api = _required(api, template)
    repo = template.source
    info = ask(repo, None, api)
    try:
        refs = api.list_repo_refs(repo)
    except (HTTPError, OfflineModeIsEnabled) as error:
        raise explain_hub_error(error, repo) from error
    names = {ref.name for ref in [*refs.branches, *refs.tags] if is_revision(ref.name)}
    revisions = sorted(names, key=training_order)[:MOST_REVISIONS]
    template = replace(template, gated=bool(info.gated), licence=template.licence or licence_of(info))
    with ThreadPoolExecutor(_SIMULTANEOUS) as pool:
        results = list(pool.map(lambda revision: _read_revision(template, revision, api), revisions))
    return Found(
        tuple(result for result in results if isinstance(result, ModelSpec)),
        tuple(result for result in results if isinstance(result, BadEntry)),
    )


def _read_revision(template: ModelSpec, revision: str, api: HfApi) -> ModelSpec | BadEntry | None:
    """Return the checkpoint at a revision, why it cannot be used, or None where it is none (say, a README)."""
    key = f"{template.source}@{revision}"
    try:
        info = ask(template.source, revision, api)
    except UserError as error:
        return BadEntry(key, str(error), away=isinstance(error, UnreachableError))
    paths = [sibling.rfilename for sibling in info.siblings or ()]
    spec = replace(template, revision=revision, parameters=template.parameters or parameters_of(info))
    return _read_names(spec, key, revision, _names_below(paths, template.subfolder))


def _search_subfolders(template: ModelSpec, api: HfApi | None) -> Found:
    api = _required(api, template)
    info = ask(template.source, template.revision, api)
    paths = [sibling.rfilename for sibling in info.siblings or ()]
    top = f"{template.subfolder}/" if template.subfolder else ""
    folders = {
        folder for path in paths if path.startswith(top) and (folder := path.rpartition("/")[0]) and folder != top[:-1]
    }
    template = replace(template, gated=bool(info.gated), licence=template.licence or licence_of(info))
    specs: list[ModelSpec] = []
    bad: list[BadEntry] = []
    for folder in sorted(folders, key=training_order):
        suffix = f"@{template.revision}" if template.revision else ""
        key = f"{template.source}/{folder}{suffix}"
        result = _read_names(replace(template, subfolder=folder), key, folder, _names_below(paths, folder))
        if isinstance(result, BadEntry):
            bad.append(result)
        elif result is not None:
            specs.append(result)
    return Found(tuple(specs), tuple(bad))


def _required(api: HfApi | None, template: ModelSpec) -> HfApi:
    if api is None:
        raise UserError(f"The checkpoints of {template.source} cannot be listed offline: unset HF_HUB_OFFLINE.")
    return api


def _read_names(spec: ModelSpec, key: str, name: str, names: Collection[str]) -> ModelSpec | BadEntry | None:
    """Return the checkpoint that files of these names on the Hub make, why it cannot be used, or None."""
    if CONFIG not in names and ADAPTER not in names:
        return None
    problem = checkpoint_problem(names)
    if problem is not None:
        return BadEntry(key, f"{key} {problem}.")
    if is_adapter(names) and spec.base is None:
        return BadEntry(key, f"{key} is a PEFT adapter: enter it in the catalogue with the `base` it belongs to.")
    return replace(spec, key=key, label=_label(spec, name), run=spec.run or spec.source, step=parse_step(name))


def _label(template: ModelSpec, name: str) -> str:
    step = parse_step(name)
    return f"{template.label}, {name if step is None else f'step {step}'}" if template.label else name


def _names_below(paths: Iterable[str], folder: str | None) -> set[str]:
    """Return the names of the files and folders directly below a folder of a repository (None: its top)."""
    top = f"{folder}/" if folder else ""
    return {path[len(top) :].split("/")[0] for path in paths if path.startswith(top)}


_SEARCHES = {
    Search.FOLDER: _search_folder,
    Search.REVISIONS: _search_revisions,
    Search.SUBFOLDERS: _search_subfolders,
}
