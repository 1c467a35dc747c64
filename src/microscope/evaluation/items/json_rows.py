"""Reads rows from JSON: one object a line, or one list of objects; knows nothing of what their fields mean."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from microscope.errors import UserError
from microscope.evaluation.items.encoding import decode_text
from microscope.evaluation.items.tables import MAX_COLUMNS, Row, Table, shorten


class _NotJsonError(Exception):
    """Why a text is not JSON, as the end of a sentence."""


def read_json(data: bytes) -> Table:
    """Return the rows in the bytes of a JSON or JSON Lines file, whichever it is.

    A whole document is a list of objects, or an object with one such list in it; its rows are counted from 1. Rows of
    JSON Lines are counted by line. Raises `UserError` where the text is neither.
    """
    text, note = decode_text(data)
    notes = [note] if note else []
    if not text.strip():
        raise UserError("The file is empty: it must hold one JSON object a line, or a list of objects.")
    if text.lstrip().startswith("["):
        return _list_table(_whole(text), notes)
    try:
        document = _parse(text)
    except _NotJsonError:
        return _lines_table(text, notes)
    lists = [value for value in document.values() if _is_rows(value)] if isinstance(document, dict) else []
    # One object alone is the only line of JSON Lines, unless its rows are in a list inside it.
    return _list_table(lists[0], notes) if len(lists) == 1 else _lines_table(text, notes)


def _parse(text: str) -> object:
    """Return the value of a JSON text; raises `_NotJsonError` with the reason."""
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise _NotJsonError(f"{error.msg} at character {error.colno}") from error
    except RecursionError as error:
        raise _NotJsonError("it is nested too deeply") from error
    except ValueError as error:  # a number of thousands of digits
        raise _NotJsonError("a number in it is too long") from error
    return value


def object_rows(text: str) -> list[dict[str, object]]:
    """Return the objects of a small JSON text: one, or a list of them. Raises `UserError` where it has none."""
    try:
        value = _parse(text)
    except _NotJsonError as error:
        raise UserError(f"The file is not JSON: {error}.") from error
    rows: list[object] = value if isinstance(value, list) else [value]
    if not _is_rows(rows):
        raise UserError("The file holds no JSON object: write the question and its answers into one.")
    return [row for row in rows if isinstance(row, dict)]


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _whole(text: str) -> list[object]:
    try:
        value = _parse(text)
    except _NotJsonError as error:
        raise UserError(f"The file is not JSON: {error}. Save it again, or as CSV.") from error
    if not isinstance(value, list):
        raise UserError("The JSON file holds no list of rows: write one object a line, or a list of objects.")
    return value


def _list_table(values: list[object], notes: list[str]) -> Table:
    rows = (_row(number, value) for number, value in enumerate(values, 1))
    return Table(_columns(value for value in values if isinstance(value, dict)), rows, typed=True, notes=notes)


def _lines_table(text: str, notes: list[str]) -> Table:
    # Parsed twice: the columns are those of all rows, and a field may first come late. Not `splitlines`, which also
    # splits at characters that JSON leaves alone inside a text.
    lines = text.split("\n")

    def rows() -> Iterator[Row]:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield _row(number, _parse(line))
                except _NotJsonError as error:
                    yield Row(number, {}, f"the line is not JSON: {error}.")

    columns = _columns(row.cells for row in rows())
    if not columns:
        broken = next((row for row in rows() if row.broken), None)
        reason = f" Line {broken.number}: {broken.broken}" if broken else ""
        raise UserError(f"No line of the file is a JSON object with fields, so it has no rows.{reason}")
    return Table(columns, rows(), typed=True, unit="line", notes=notes)


def _row(number: int, value: object) -> Row:
    if isinstance(value, dict):
        return Row(number, value)
    return Row(number, {}, f"the row is not a JSON object with named fields: {shorten(value)}.")


def _columns(rows: Iterable[Iterable[str]]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
        if len(names) > MAX_COLUMNS:
            raise UserError(f"The rows have more than {MAX_COLUMNS:,} different fields, so this is no table.")
    return tuple(names)
