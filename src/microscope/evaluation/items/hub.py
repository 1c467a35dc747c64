"""Reads rows of a data set on the Hugging Face Hub as a stream, through `datasets`, loaded only when it is asked for.

Nothing of the set is run: the library itself has no scripts any more, and none are allowed here.
"""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import fsspec
import httpx

from microscope.engine.pictures import MAX_BYTES
from microscope.errors import UserError
from microscope.evaluation.items.tables import Row, Table, shorten, take

if TYPE_CHECKING:
    import datasets

# What the library and those below it raise: of the net, the disk, wrong names, and files that are not as declared.
# The library's own class of errors is added once it is loaded.
HUB_ERRORS = (OSError, ValueError, RuntimeError, LookupError, TypeError, httpx.HTTPError)
SAMPLE = 50

_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_PREFIXES = ("https://huggingface.co/datasets/", "hf://datasets/", "datasets/")
_FILES = re.compile(r"\.(csv|tsv|txt|jsonl?|ndjson|parquet|zip|xlsx?|gz|tar)$", re.IGNORECASE)


@dataclass(frozen=True)
class Stream:
    """A data set as a table, and the function that opens the pictures which it names but does not hold."""

    table: Table
    fetch: Callable[[str], bytes]


def hub_id(text: str) -> str:
    """Return the `org/name` that a text means, with or without the Hub's address; empty where it means none."""
    name = text.strip().rstrip("/")
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name if _ID.fullmatch(name) and ".." not in name and not _FILES.search(name) else ""


def open_stream(source: str, *, config: str | None, split: str | None, offline: bool) -> Stream:
    """Return the rows of a data set, counted from 1; `source` is its `org/name`.

    Raises `UserError`, with what to do, where it cannot be reached, is not there, or has several parts to choose from.
    """
    if offline:
        raise UserError(
            f"{shorten(source)} is on the Hub, and the app runs offline: download the data set, and choose its folder."
        )
    import datasets

    caught = (*HUB_ERRORS, datasets.exceptions.DatasetsError)
    try:
        found = datasets.load_dataset(source, name=config, split=split, streaming=True)
        parts = dict(found) if isinstance(found, datasets.IterableDatasetDict) else {"": found}
    except caught as error:
        raise UserError(_explain(source, error)) from error
    if len(parts) > 1:
        raise UserError(f"{shorten(source)} has several splits: name one of {', '.join(sorted(map(str, parts)))}.")
    part = next(iter(parts.values()))
    features = part.features or {}
    if features:
        # Our own guard decodes the pictures.
        part = part.decode(False)
    names = {name: feature for name, feature in features.items() if isinstance(feature, datasets.ClassLabel)}
    rows = _rows(source, part, names, caught)
    first, rows = take(rows, SAMPLE)
    columns = tuple(features) or tuple(dict.fromkeys(column for row in first for column in row.cells))
    return Stream(Table(columns, rows, typed=True), _opener(source, caught))


def _rows(
    source: str,
    part: datasets.IterableDataset,
    names: Mapping[str, datasets.ClassLabel],
    caught: tuple[type[Exception], ...],
) -> Iterator[Row]:
    """Yield the rows; the numbers of a class label become the names that they stand for."""
    number = 0
    try:
        for number, cells in enumerate(part, 1):
            said = {column: _class_name(label, cells.get(column)) for column, label in names.items()}
            yield Row(number, {**cells, **said})
    except caught as error:
        raise UserError(f"{_explain(source, error)} The stream broke after row {number:,}.") from error


def _class_name(label: datasets.ClassLabel, value: object) -> object:
    if isinstance(value, int) and 0 <= value < len(label.names):
        return label.names[value]
    return None


def _opener(source: str, caught: tuple[type[Exception], ...]) -> Callable[[str], bytes]:
    """Return what opens a picture that the stream names by path: only within the data set itself."""
    within = (f"hf://datasets/{source}@", f"hf://datasets/{source}/")
    folder = Path(source)

    def fetch(path: str) -> bytes:
        *inner, outer = path.split("::")
        local = folder.is_dir() and "://" not in path and Path(path).resolve().is_relative_to(folder.resolve())
        remote = outer.startswith(within) and ".." not in outer and all(hop.startswith("zip://") for hop in inner)
        if not local and not remote:
            raise UserError(f"{shorten(path)} is not a file of the data set, and nothing else is fetched.")
        try:
            with fsspec.open(path, "rb") as file:
                data: bytes = file.read(MAX_BYTES + 1)
        except caught as error:
            raise UserError(f"{shorten(PurePosixPath(path).name)} could not be fetched: try again.") from error
        return data

    return fetch


def _explain(source: str, error: Exception) -> str:
    """Return the sentence for what the library raised, with what to do."""
    text, kind, name = str(error), type(error).__name__, shorten(source)
    if "gated" in text.lower():
        said = f"{name} is gated: accept its terms on the Hub, and set HF_TOKEN to a token that may read it."
    elif kind == "DatasetNotFoundError":
        said = f"There is no data set {name} on the Hub, or it is private: check its name, or set HF_TOKEN."
    elif kind in ("DataFilesNotFoundError", "EmptyDatasetError"):
        said = f"{name} has no files that can be read as a table: choose another data set."
    elif isinstance(error, ConnectionError | TimeoutError | httpx.HTTPError):
        said = f"The Hub could not be reached for {name}: try again, or download the data set and choose its folder."
    elif "scripts are no longer supported" in text:
        said = f"{name} needs code of its own to be read, which is not run: choose one with Parquet files."
    elif "split" in text and "vailable splits" in text:
        said = f"{name} has no such split: name one of {_offered(text)}."
    elif "onfig" in text and "vailable" in text:
        said = f"{name} has several configurations, or not this one: name one of {_offered(text)}."
    else:
        said = f"{name} could not be read as it is ({kind}): download its Parquet file, and choose that."
    return said


def _offered(text: str) -> str:
    """Return the names that the library's message offers in a list."""
    for match in re.findall(r"\[[^\[\]]*\]", text):
        try:
            names = literal_eval(match)
        except (ValueError, SyntaxError):
            continue
        if names:
            return ", ".join(shorten(name) for name in names)
    return "those on its page"
