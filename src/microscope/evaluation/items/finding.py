"""Finds the rows of a set in a folder or an archive: in its table, or in a text beside each picture."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from microscope.errors import UserError
from microscope.evaluation.items.delimited import read_delimited
from microscope.evaluation.items.encoding import decode_text
from microscope.evaluation.items.json_rows import object_rows, read_json
from microscope.evaluation.items.parquet import read_parquet
from microscope.evaluation.items.places import Place, is_picture
from microscope.evaluation.items.tables import MAX_TABLE_BYTES, Row, Table, shorten

TEXT_TABLES = {
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".txt": read_delimited,
    ".jsonl": read_json,
    ".ndjson": read_json,
    ".json": read_json,
}
PARQUET = ".parquet"
FORMATS = "CSV, TSV, JSON Lines, JSON, Parquet or zip"
# A table of one of these names is the one that is meant, whatever stands beside it.
PREFERRED = ("metadata", "items")
BESIDE = (".json", ".txt")
MAX_BESIDE_BYTES = 1024**2
# What `datasets` writes about a set, and not of it.
NO_TABLES = frozenset(("dataset_info", "dataset_infos", "state"))
LISTED = 8

_SHARD = re.compile(r"-\d{5}-of-\d{5}$")


def read_text_table(data: bytes, suffix: str) -> Table:
    """Return the table in the bytes of a file of text; a suffix that says nothing leaves it to the contents."""
    reader = TEXT_TABLES.get(suffix)
    if reader is None:
        head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
        reader = read_json if head.startswith((b"{", b"[")) else read_delimited
    return reader(data)


def find_rows(place: Place, split: str | None, on_disk: Callable[[str], Path]) -> Table:
    """Return the rows of the set in a place; `on_disk` gives the path of a file of it, for Parquet.

    Raises `UserError` where there is neither a table nor a text beside each picture, or several tables could be meant.
    """
    names = place.names()
    table = choose_table(names, split)
    if not table:
        return read_beside(place)
    if table[0].lower().endswith(PARQUET):
        found = read_parquet([on_disk(name) for name in table])
    else:
        data = place.read(table[0], MAX_TABLE_BYTES)
        found = read_text_table(data, PurePosixPath(table[0].lower()).suffix)
    folder = PurePosixPath(table[0]).parent.as_posix()
    return Table(
        found.columns, found.rows, found.typed, found.unit, found.notes, "" if folder == "." else f"{folder}/"
    )


def choose_table(names: Sequence[str], split: str | None) -> tuple[str, ...]:
    """Return the name of the table among the files, or the names of its parts; empty where there is none.

    Parts of a Parquet file (`test-00000-of-00003.parquet`) are one table. One called `metadata` or `items` goes first,
    then the one nearest to the top; `split` keeps those that have it in their name, or in a folder's.
    """
    stems = {_stem(name) for name in names if is_picture(name)}
    tables: dict[str, list[str]] = {}
    for name in names:
        path = PurePosixPath(name)
        suffix = path.suffix.lower()
        beside = suffix in BESIDE and (_stem(name) in stems or path.stem in NO_TABLES)
        if (suffix in TEXT_TABLES and suffix != ".txt" and not beside) or suffix == PARQUET:
            tables.setdefault(_SHARD.sub("", _stem(name)) + suffix, []).append(name)
    if split:
        every = tables
        # As a word of its own: `val` is not in `interval`.
        word = re.compile(rf"(?<![A-Za-z0-9]){re.escape(split)}(?![A-Za-z0-9])")
        tables = {key: parts for key, parts in every.items() if word.search(key)}
        if every and not tables:
            raise UserError(f"No table belongs to the split {shorten(split)}: there are {_list(sorted(every))}.")
    if not tables:
        return ()

    def rank(key: str) -> tuple[bool, int]:
        path = PurePosixPath(key)
        return path.stem.lower() not in PREFERRED, len(path.parts)

    best = min(map(rank, tables))
    chosen = sorted(key for key in tables if rank(key) == best)
    if len(chosen) > 1:
        raise UserError(
            f"There are several tables, and any could be the set: {_list(chosen)}. Name the split, or choose one file."
        )
    return tuple(sorted(tables[chosen[0]]))


def read_beside(place: Place) -> Table:
    """Return the rows written in a text beside each picture: `a.txt` or `a.json` for `a.png`.

    The first line of a `.txt` is the question and each other one an accepted answer; a `.json` is an object with the
    fields of a row, or a list of them. Raises `UserError` where no picture has such a text.
    """
    names = place.names()
    texts: dict[str, str] = {}
    for suffix in reversed(BESIDE):  # the JSON of two goes first
        texts |= {_stem(name): name for name in names if name.lower().endswith(suffix)}
    pictures = [name for name in names if is_picture(name)]
    stems = {_stem(name) for name in pictures}
    if not stems & set(texts):
        raise UserError(
            f"There is no table in the {place.kind} (CSV, TSV, JSON Lines, JSON, Parquet), and no text beside a"
            " picture (a.txt or a.json for a.png): add one."
        )
    rows: list[Row] = []
    total = 0
    for name in pictures:
        text = texts.get(_stem(name))
        if text is None:
            rows.append(Row(len(rows) + 1, {}, f"{shorten(name)} has no .txt or .json of its name beside it."))
            continue
        try:
            data = place.read(text, MAX_BESIDE_BYTES)
            found = _beside(data, text)
        except UserError as error:
            rows.append(Row(len(rows) + 1, {}, f"{shorten(text)} cannot be used: {error}"))
            continue
        total += len(data)
        if total > MAX_TABLE_BYTES:
            raise UserError(
                f"The texts beside the pictures have more than {MAX_TABLE_BYTES // 1024**2} MB: split them."
            )
        rows += [Row(len(rows) + at, {**cells, "image": name}, where=text) for at, cells in enumerate(found, 1)]
    columns = dict.fromkeys(("image", *(column for row in rows for column in row.cells)))
    lonely = [name for stem, name in sorted(texts.items()) if stem not in stems]
    notes = [f"No picture has the name of {_list(lonely)}, so nothing was read from there."] if lonely else []
    return Table(tuple(columns), rows, typed=True, notes=notes)


def _beside(data: bytes, name: str) -> list[dict[str, object]]:
    text, _ = decode_text(data)
    if name.lower().endswith(".json"):
        return object_rows(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [{"question": lines[0] if lines else "", "answers": lines[1:]}]


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(shorten(name) for name in names[:LISTED])
    return shown if len(names) <= LISTED else f"{shown} and {len(names) - LISTED} more"
