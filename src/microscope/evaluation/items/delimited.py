"""Reads tables of text whose cells are separated by a character (CSV, TSV); knows nothing of what the cells mean."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from microscope.errors import UserError
from microscope.evaluation.items.encoding import decode_text
from microscope.evaluation.items.tables import MAX_CELL, MAX_COLUMNS, Row, Table, unique_names

# In this order where two fit equally well.
DELIMITERS = (",", "\t", ";", "|")
SAMPLE_RECORDS = 50
# After each broken quotation the text is read again from the line after it, which costs time.
MAX_BROKEN = 1_000


def read_delimited(data: bytes) -> Table:
    """Return the table in the bytes of a CSV or TSV file: encoding and delimiter are found out.

    Row numbers are the lines where the records begin. Raises `UserError` where there is no header and row.
    """
    text, note = decode_text(data)
    lines = _Lines(text)
    delimiter = find_delimiter(lines.texts)
    # A setting of the whole process: the library has no other place for it.
    csv.field_size_limit(MAX_CELL)
    records = _records(lines, delimiter)
    start, header, broken = next(records, (1, [], ""))
    if broken:
        raise UserError(f"Line {start}, the header of the table, cannot be read: {broken}")
    if not any(cell.strip() for cell in header):
        raise UserError("The table is empty: its first line must name the columns, and the others are rows.")
    if len(header) > MAX_COLUMNS:
        raise UserError(f"The table has {len(header):,} columns, and at most {MAX_COLUMNS:,} can be read.")
    columns = unique_names(cell.strip() for cell in header)
    return Table(columns, _rows(records, columns), typed=False, unit="line", notes=[note] if note else [])


def find_delimiter(lines: list[str]) -> str:
    """Return the delimiter with which the first records agree best with the header about how many cells there are."""
    sample = "".join(lines[: 20 * SAMPLE_RECORDS])

    def fit(delimiter: str) -> tuple[bool, float, int]:
        counts = []
        try:
            for record in islice(csv.reader(io.StringIO(sample, ""), delimiter=delimiter), SAMPLE_RECORDS):
                counts += [len(record)] if record else []
        except csv.Error:
            pass  # a cell beyond the limit; what came before it still tells
        if not counts:
            return False, 0.0, 0
        return counts[0] > 1, Counter(counts)[counts[0]] / len(counts), counts[0]

    return max(DELIMITERS, key=fit)


class _Lines:
    """The lines of a text as an iterator that can be set back."""

    def __init__(self, text: str) -> None:
        self.texts = list(io.StringIO(text, newline=""))
        self.next = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self.next >= len(self.texts):
            raise StopIteration
        self.next += 1
        return self.texts[self.next - 1]


def _records(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """Yield each record with the line it begins at, and why it cannot be read (empty: it can).

    Strict reading finds quotations that never close, which otherwise swallow rows without a word.
    """
    broken = 0
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        start = lines.next + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            broken += 1
            if broken > MAX_BROKEN:
                raise UserError(
                    f"More than {MAX_BROKEN:,} lines of the table have broken quotation marks, the last one line"
                    f" {start}: save the table again from the program that made it."
                ) from error
            yield start, [], _explain(error)
            lines.next = start
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            continue
        if record is None:
            return
        if any(cell.strip() for cell in record):
            yield start, record, ""


def _explain(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end" in text:
        return "a quotation mark opens a cell here and never closes it."
    if "field limit" in text:
        return f"a cell is longer than {MAX_CELL // 1024**2} MB, or a quotation mark opens it and never closes it."
    if "expected after" in text:
        return 'a quotation mark stands inside a quoted cell: double it ("").'
    return f"the row is not CSV ({text})."


def _rows(records: Iterator[tuple[int, list[str], str]], columns: tuple[str, ...]) -> Iterator[Row]:
    for number, record, unreadable in records:
        broken = unreadable
        surplus = [cell for cell in record[len(columns) :] if cell.strip()]
        if surplus and not broken:
            broken = (
                f"the row has {len(record)} cells where the header has {len(columns)}: put cells that hold the"
                " delimiter into quotation marks."
            )
        cells = dict(zip(columns, record, strict=False))
        yield Row(number, cells | dict.fromkeys(columns[len(record) :], ""), broken)
