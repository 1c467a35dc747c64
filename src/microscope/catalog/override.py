"""Reads MICROSCOPE_MODELS, the checkpoints that one variable names; looks at local folders, asks no network."""

from __future__ import annotations

from pathlib import Path

from microscope.catalog.file import Entry
from microscope.catalog.folders import is_folder, locate
from microscope.catalog.names import HUB_FORMS, HubName, Search, parse_hub_name
from microscope.catalog.spec import BadEntry, ModelSpec

WHERE = "MICROSCOPE_MODELS"


def parse_override(text: str, root: Path) -> tuple[Entry | BadEntry, ...]:
    """Return the entries that a comma-separated list names, in its order, and a bad one for each item that cannot be.

    An item is a Hub name (`org/name`, `org/name@revision`, `org/name/subfolder`, `org/name@*`, `org/name/*`) or a
    folder (`./checkpoint`, `./run`, `/a/path/*`), relative to `root`. A folder that holds no checkpoint itself is
    searched, as is one with `/*`.
    """
    items = dict.fromkeys(item.strip() for item in text.split(",") if item.strip())
    return tuple(_folder(item, root) if item.startswith((".", "/", "~")) else _hub(item) for item in items)


def _folder(item: str, root: Path) -> Entry | BadEntry:
    path = item.removesuffix("*").rstrip("/") if item.endswith("/*") else item
    folder = locate(path or "/", root)
    if not is_folder(folder):
        return BadEntry(item, f"{WHERE} names {item!r}, and there is no such folder: correct its path.")
    alone = not item.endswith("/*") and any(
        (folder / name).is_file() for name in ("config.json", "adapter_config.json")
    )
    folder = folder.resolve()
    spec = ModelSpec(folder.name, "", str(folder), folder=True)
    return Entry(item, spec, None if alone else Search.FOLDER, WHERE)


def _hub(item: str) -> Entry | BadEntry:
    name = parse_hub_name(item)
    if name is None:
        return BadEntry(item, f"{WHERE} names {item!r}: write {HUB_FORMS}, or ./folder.")
    return Entry(item, _spec(item, name), name.search, WHERE)


def _spec(item: str, name: HubName) -> ModelSpec:
    label = "" if name.search else item.partition("/")[2]
    return ModelSpec(item, label, name.repo, revision=name.revision, subfolder=name.subfolder)
