"""Opens a source of items, whatever it is: a table, a zip, a folder, a data set on the Hub; judges no row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from microscope.errors import UserError
from microscope.evaluation.items.archive import Archive
from microscope.evaluation.items.finding import FORMATS, PARQUET, TEXT_TABLES, find_rows, read_text_table
from microscope.evaluation.items.gathering import Namer, SetPictures
from microscope.evaluation.items.hub import hub_id, open_stream
from microscope.evaluation.items.parquet import read_parquet
from microscope.evaluation.items.places import Folder, is_picture, read_file
from microscope.evaluation.items.scratch import Scratch
from microscope.evaluation.items.tables import MAX_TABLE_BYTES, Row, Table, shorten, take

# Rows that the columns are guessed from.
SAMPLE = 50
# What a file begins with, and what to do with it where that is not to read it.
REFUSED_HEADS = (
    (b"\xd0\xcf\x11\xe0", "is an old Excel file: save it as CSV, or as UTF-8 text."),
    (b"\x1f\x8b", "is packed with gzip: unpack it first, or make it a zip."),
    (b"7z\xbc\xaf", "is packed with 7-Zip: make it a zip."),
    (b"Rar!", "is packed with RAR: make it a zip."),
    (b"ARROW1", "is an Arrow file: save it as Parquet."),
)
ZIP_HEADS = (b"PK\x03\x04", b"PK\x05\x06")
EXCEL_MEMBER = "[Content_Types].xml"


@dataclass(frozen=True)
class Part:
    """Which part of a source is meant: a `split`, and a `config` of a data set on the Hub."""

    split: str | None = None
    config: str | None = None


@dataclass(frozen=True)
class Opened:
    """A source that can be walked: its rows, the first of them besides, its pictures, and what to call it."""

    name: str
    table: Table
    first: tuple[Row, ...]
    pictures: SetPictures
    namer: Namer


def open_source(source: Path | str, part: Part, *, offline: bool) -> Opened:
    """Open a file, a folder, or (a text that names neither) a data set on the Hub.

    Raises `UserError` where there is no such thing, or it is nothing that can be read.
    """
    path = Path(source)
    try:
        known = path.exists()
    except (OSError, ValueError):  # longer than a path can be, or no path at all
        known = False
    if known:
        return _from_disk(path, part)
    repository = hub_id(source) if isinstance(source, str) else ""
    if not repository:
        raise UserError(
            f"There is no file or folder {shorten(path.name or str(source))}: choose a file ({FORMATS}), a folder, or"
            " name a data set on the Hub as org/name."
        )
    stream = open_stream(repository, config=part.config, split=part.split, offline=offline)
    detail = ", ".join(filter(None, (part.config, part.split)))
    pictures = SetPictures(None, Scratch())
    return _opened(f"{repository} ({detail})" if detail else repository, stream.table, pictures, stream.fetch)


def _from_disk(path: Path, part: Part) -> Opened:
    scratch = Scratch()
    if path.is_dir():
        folder = Folder(path)
        return _opened(path.resolve().name, find_rows(folder, part.split, folder.path), SetPictures(folder, scratch))
    if not path.is_file():
        raise UserError(f"{shorten(path.name)} is neither a file nor a folder: choose a file ({FORMATS}).")
    head = read_head(path)
    if head.startswith(ZIP_HEADS):
        archive = Archive(path, scratch)
        if archive.has(EXCEL_MEMBER):
            raise UserError(f"{shorten(path.name)} is an Excel file: save it as CSV, or as UTF-8 text.")
        table = find_rows(archive, part.split, archive.unpack)
        return _opened(path.stem, table, SetPictures(archive, scratch))
    pictures = SetPictures(Folder(path.parent, listed=False), scratch)
    return _opened(path.stem, _table(path, head), pictures)


def _table(path: Path, head: bytes) -> Table:
    suffix = path.suffix.lower()
    if head.startswith(b"PAR1") or suffix == PARQUET:
        return read_parquet([path])
    for start, advice in REFUSED_HEADS:
        if head.startswith(start):
            raise UserError(f"{shorten(path.name)} {advice}")
    if is_picture(path.name) and suffix not in TEXT_TABLES:
        raise UserError(f"{shorten(path.name)} is a picture, and a set is a table or a zip: choose one of {FORMATS}.")
    if suffix == ".zip":
        raise UserError(f"{shorten(path.name)} is not a zip that can be read: make or copy it again.")
    return read_text_table(read_file(path, MAX_TABLE_BYTES), suffix)


def read_head(path: Path) -> bytes:
    """Return the first bytes of a file; `UserError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(8)
    except OSError as error:
        raise UserError(f"{shorten(path.name)} could not be read from disk: choose it again, or another.") from error


def _opened(name: str, table: Table, pictures: SetPictures, fetch: Callable[[str], bytes] | None = None) -> Opened:
    first, rows = take(table.rows, SAMPLE)
    table = replace(table, rows=rows)
    return Opened(name, table, tuple(first), pictures, Namer(pictures, table.folder, fetch))
