"""A table as any reader gives it: columns, and rows of named cells one after the other; knows no file format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

MAX_ROWS = 200_000
# Tables of text are held in memory while they are read; Parquet is not, and has no such limit.
MAX_TABLE_BYTES = 200 * 1024**2
MAX_COLUMNS = 1_000
# A picture at the guard's limit of 10 MB, as base64, and some room.
MAX_CELL = 14 * 1024**2
SHOWN = 60

_UNSHOWN = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]+")


@dataclass(frozen=True)
class Row:
    """One row: its number as a person counts, its cells by column, and why it cannot be read (empty: it can).

    `where` names the file that the row stands in, where the number alone says little.
    """

    number: int
    cells: Mapping[str, object]
    broken: str = ""
    where: str = ""


@dataclass(frozen=True)
class Table:
    """The columns of a table, and its rows, to be walked once.

    `typed` tells whether cells keep their types (JSON, Parquet) or are all text (CSV). `unit` is what row numbers
    count, `line` or `row`. `notes` are sentences about the whole table, and may grow while it is walked. `folder` is
    the table's own folder within the place it stands in, with a slash at its end, or empty.
    """

    columns: tuple[str, ...]
    rows: Iterable[Row]
    typed: bool
    unit: str = "row"
    notes: list[str] = field(default_factory=list)
    folder: str = ""


def shorten(value: object, most: int = SHOWN) -> str:
    """Return a cell as one short line of text, for a sentence or a preview."""
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value):,} bytes"
    if isinstance(value, dict) and isinstance(value.get("bytes"), bytes | bytearray):
        return f"{shorten(value['bytes'])} {value.get('path') or ''}".strip()
    text = "" if value is None else value if isinstance(value, str) else str(value)
    line = _UNSHOWN.sub(" ", text[: 4 * most]).strip()
    return line if len(line) <= most and len(text) <= 4 * most else line[: most - 1] + "…"


def take(rows: Iterable[Row], count: int) -> tuple[list[Row], Iterator[Row]]:
    """Return the first `count` rows, and an iterator over all of them, those included."""
    rest = iter(rows)
    first = [row for _, row in zip(range(count), rest, strict=False)]
    return first, _chain(first, rest)


def unique_names(names: Iterable[object]) -> tuple[str, ...]:
    """Return column names that are there and differ: an empty one is `column 3`, a second `a` is `a (2)`."""
    taken: dict[str, int] = {}
    result = []
    for number, name in enumerate(names, 1):
        plain = shorten(name, 200) or f"column {number}"
        taken[plain] = taken.get(plain, 0) + 1
        result.append(plain if taken[plain] == 1 else f"{plain} ({taken[plain]})")
    return tuple(result)


def _chain(first: list[Row], rest: Iterator[Row]) -> Iterator[Row]:
    yield from first
    yield from rest
