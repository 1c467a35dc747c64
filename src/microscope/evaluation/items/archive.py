"""A zip archive as a place of files: checked before anything is unpacked, and read where it is."""

from __future__ import annotations

import io
import shutil
import struct
import uuid
import zipfile
import zlib
from pathlib import Path
from typing import IO

from microscope.engine.pictures import MAX_BYTES, read_picture
from microscope.errors import UserError
from microscope.evaluation.items.places import MAX_FILES, is_litter, safe_name
from microscope.evaluation.items.scratch import Scratch
from microscope.evaluation.items.tables import shorten
from microscope.records import Picture

# Of all members together, as they declare it. None can give more than it declares, so this bounds the work as well.
MAX_UNPACKED = 16 * 1024**3
# Pictures hardly shrink and tables shrink to a twentieth. Small archives may shrink as they like.
MAX_RATIO = 100
MAX_PARQUET_MEMBER = 4 * 1024**3
RATIO_FROM = 256 * 1024**2

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1
LINK, KIND = 0o120000, 0o170000
# The end of the central directory: its mark, then numbers of which the eleventh and twelfth byte count the members.
END_MARK, END_SIZE, END64_MARK, END64_SIZE = b"PK\x05\x06", 22, b"PK\x06\x06", 56
MAX_COMMENT = 65_535
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, RuntimeError)


class Archive:
    """The files of a zip; nothing of it is unpacked but the file that is asked for, and that within its limit."""

    kind = "zip"

    def __init__(self, path: Path, scratch: Scratch) -> None:
        self._scratch = scratch
        try:
            _check_count(path)
            self._zip = zipfile.ZipFile(path)
        except ZIP_ERRORS as error:
            raise UserError(f"{shorten(path.name)} is not a zip that can be read: make or copy it again.") from error
        members = self._zip.infolist()
        _check_size(members, path)
        self._members = {name: member for member in members if (name := _name(member))}

    def names(self) -> tuple[str, ...]:
        """Return the names of the files; hidden ones, and those that lead out of the archive, are left out."""
        return tuple(sorted(self._members))

    def has(self, name: str) -> bool:
        """Tell whether there is such a file; a link is a `UserError`."""
        member = self._members.get(name)
        if member is not None and (member.external_attr >> 16) & KIND == LINK:
            raise UserError(f"{shorten(name)} is a link: put the file itself into the zip.")
        return member is not None

    def read(self, name: str, most: int) -> bytes:
        """Return a file's bytes; `UserError` where it cannot be unpacked or has more than `most`."""
        target = io.BytesIO()
        self._unpack(name, target, most)
        return target.getvalue()

    def unpack(self, name: str) -> Path:
        """Unpack a Parquet file, which is read from disk, into the scratch folder; `UserError` as with `read`."""
        path = self._scratch.folder / f"table-{uuid.uuid4().hex}.parquet"
        with path.open("wb") as target:
            self._unpack(name, target, MAX_PARQUET_MEMBER)
        return path

    def _unpack(self, name: str, target: IO[bytes], most: int) -> None:
        if not self.has(name):
            raise UserError(f"There is no file {shorten(name)} in the zip.")
        member = self._members[name]
        if member.flag_bits & ENCRYPTED:
            raise UserError(f"{shorten(name)} is locked with a password: make the zip without one.")
        if member.compress_type not in METHODS:
            raise UserError(f"{shorten(name)} is packed in a rare way: make the zip with the usual one (Deflate).")
        if member.file_size > most:
            raise UserError(f"{shorten(name)} unpacks to more than {most // 1024**2:,} MB: make it smaller.")
        try:
            with self._zip.open(member) as file:
                # The library gives no more than the member declares.
                shutil.copyfileobj(file, target)
        except ZIP_ERRORS as error:
            raise UserError(f"{shorten(name)} is damaged in the zip: make or copy the zip again.") from error

    def picture(self, name: str) -> Picture:
        """Return a picture; `UserError` where it cannot be unpacked or decoded."""
        with self._scratch.lend(self.read(name, MAX_BYTES)) as path:
            return read_picture(path)


def _check_count(path: Path) -> None:
    """Refuse too many members before the library makes an object of each."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - END_SIZE - MAX_COMMENT - 2 * END64_SIZE, 0))
        tail = file.read()
    end, end64 = tail.rfind(END_MARK), tail.rfind(END64_MARK)
    count = struct.unpack_from("<H", tail, end + 10)[0] if end >= 0 else 0
    if end64 >= 0:
        count = max(count, struct.unpack_from("<Q", tail, end64 + 32)[0])
    if count > MAX_FILES:
        raise UserError(f"The zip has {count:,} files, and at most {MAX_FILES:,} can be read: split it.")


def _check_size(members: list[zipfile.ZipInfo], path: Path) -> None:
    if len(members) > MAX_FILES:  # the count at the end may lie
        raise UserError(f"The zip has {len(members):,} files, and at most {MAX_FILES:,} can be read: split it.")
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED or (unpacked > RATIO_FROM and unpacked > MAX_RATIO * path.stat().st_size):
        raise UserError(
            f"The zip of {path.stat().st_size / 1024**2:,.1f} MB would unpack to {unpacked / 1024**2:,.0f} MB, more"
            " than pictures and a table do, so it was not opened: make it again with the set's files alone."
        )


def _name(member: zipfile.ZipInfo) -> str:
    """Return a member's name among the files; empty where it is none of them."""
    if member.is_dir():
        return ""
    try:
        name = safe_name(member.filename)
    except UserError:
        return ""
    return "" if is_litter(name) else name
