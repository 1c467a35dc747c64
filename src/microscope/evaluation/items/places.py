"""Where a set's files stand: reads them by name, and lets no name lead out; knows nothing of what they hold."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Protocol

from microscope.engine.pictures import read_picture
from microscope.errors import UserError
from microscope.evaluation.items.tables import shorten
from microscope.records import Picture

MAX_FILES = 250_000
MAX_NAME = 1_024
PICTURE_SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".mpo", ".heic", ".svg")
)

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_ABSOLUTE = re.compile(r"/|~|[A-Za-z]:/")
# What operating systems put beside files; nobody means these.
_LITTER = frozenset(("__MACOSX", "Thumbs.db", "desktop.ini"))


class Place(Protocol):
    """A folder or an archive with files in it; `kind` is the word for it in a sentence."""

    kind: str

    def names(self) -> tuple[str, ...]:
        """Return the names of the files, with slashes, in order."""
        ...

    def has(self, name: str) -> bool:
        """Tell whether there is such a file; one that is a link to elsewhere is a `UserError`."""
        ...

    def read(self, name: str, most: int) -> bytes:
        """Return a file's bytes; `UserError` where it cannot be read or has more than `most`."""
        ...

    def picture(self, name: str) -> Picture:
        """Return a picture; `UserError` where it cannot be read or decoded. May be called from several threads."""
        ...


class Folder:
    """A folder on disk; with `listed` off, it is only where a table's own names lead, and is not searched."""

    kind = "folder"

    def __init__(self, root: Path, *, listed: bool = True) -> None:
        self._root = root.resolve()
        self._names = _walk(self._root) if listed else ()

    def names(self) -> tuple[str, ...]:
        """Return the names of the files; hidden ones and what links lead to are left out."""
        return self._names

    def has(self, name: str) -> bool:
        """Tell whether there is such a file; one that links lead out of the folder is a `UserError`."""
        path = self.path(name)
        try:
            return path.is_file()
        except (OSError, ValueError):  # a name longer than the disk allows
            return False

    def read(self, name: str, most: int) -> bytes:
        """Return a file's bytes; `UserError` where it cannot be read or has more than `most`."""
        return read_file(self.path(name), most)

    def picture(self, name: str) -> Picture:
        """Return a picture; `UserError` where it cannot be read or decoded."""
        return read_picture(self.path(name))

    def path(self, name: str) -> Path:
        """Return a file's own path, links followed; `UserError` where it is not within the folder."""
        try:
            path = (self._root / safe_name(name)).resolve()
        except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
            raise UserError(f"{shorten(name)} cannot be followed: put the file itself there.") from error
        if not path.is_relative_to(self._root):
            raise UserError(f"{shorten(name)} is a link out of the folder: put the file itself there.")
        return path


def read_file(path: Path, most: int) -> bytes:
    """Return a file's bytes; `UserError` where it cannot be read or has more than `most`."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError as error:
        raise UserError(f"There is no file {shorten(path.name)}: choose it again.") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{shorten(path.name)} could not be read from disk: choose it again, or another.") from error
    if len(data) > most:
        raise UserError(f"{shorten(path.name)} is larger than {most // 1024**2} MB: split it.")
    return data


def safe_name(text: str, folder: str = "") -> str:
    """Return a file's name relative to its place, from one relative to a `folder` in it (empty, or with its slash).

    Raises `UserError` for an address on the net, and for a name that leads out.
    """
    name = text.strip().replace("\\", "/")
    if _SCHEME.match(name):
        raise UserError(f"{shorten(name)} is an address on the net, and nothing is fetched: download the file first.")
    if (
        not name
        or len(name) > MAX_NAME
        or any(character < " " or "\ud800" <= character <= "\udfff" for character in name)
    ):
        raise UserError(f"{shorten(name) or 'This'} is not a file's name.")
    if _ABSOLUTE.match(name):
        raise UserError(f"{shorten(name)} is not relative: write where the file is, seen from the table.")
    parts: list[str] = []
    for part in PurePosixPath(folder, name).parts:
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            raise UserError(f"{shorten(name)} leads out of where the set is: put the file beside the table.")
    return "/".join(parts)


def locate(place: Place, text: str, folder: str, by_last: Mapping[str, str]) -> str:
    """Return the name in its place of a file that a table in `folder` names.

    It is looked for beside the table, then from the top, then (`by_last`, from `unique_files`) anywhere, where only
    one file is called so. Raises `UserError` where it is not there, or may not be read.
    """
    name = safe_name(text, folder)
    if place.has(name):
        return name
    top = safe_name(text) if folder and ".." not in text else name
    if top != name and place.has(top):
        return top
    anywhere = by_last.get(PurePosixPath(name).name)
    if anywhere is None:
        raise UserError(f"There is no file {shorten(text)} in the {place.kind}.")
    return anywhere


def unique_files(names: tuple[str, ...]) -> dict[str, str]:
    """Return where each file is by its last name alone, for those that share it with no other."""
    found: dict[str, str] = {}
    shared = set()
    for name in names:
        last = PurePosixPath(name).name
        if last in found:
            shared.add(last)
        found[last] = name
    return {last: name for last, name in found.items() if last not in shared}


def is_litter(name: str) -> bool:
    """Tell whether a file is hidden, or put there by an operating system."""
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") or part in _LITTER for part in parts)


def is_picture(name: str) -> bool:
    """Tell whether a file is called like a picture."""
    return PurePosixPath(name.lower()).suffix in PICTURE_SUFFIXES


def _walk(root: Path) -> tuple[str, ...]:
    names: list[str] = []
    for folder, inner, files in os.walk(root):
        inner[:] = sorted(name for name in inner if not is_litter(name))
        base = Path(folder).relative_to(root)
        names += [(base / name).as_posix() for name in files if not is_litter(name)]
        if len(names) > MAX_FILES:
            raise UserError(f"The folder has more than {MAX_FILES:,} files: choose the folder of one set.")
    return tuple(sorted(names))
