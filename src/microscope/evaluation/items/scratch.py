"""A temporary folder for pictures that came as bytes; it goes with its owner, or when the process ends."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from microscope.engine.pictures import MAX_BYTES, read_picture
from microscope.errors import UserError
from microscope.records import Picture

MAX_SCRATCH_BYTES = 8 * 1024**3
PREFIX = "microscope-set-"


class Scratch:
    """Keeps the bytes of pictures under the names that `keep` gives, equal ones once.

    Only the process that made the folder removes it: a fork that ends early leaves its parent's pictures alone.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._names: set[str] = set()
        self._size = 0
        self.remove = weakref.finalize(self, _remove, self.folder, os.getpid())

    def keep(self, data: bytes) -> str:
        """Keep the bytes of a picture's file and return its name; `UserError` where they are too many."""
        if not data:
            raise UserError("The picture is empty.")
        if len(data) > MAX_BYTES:
            raise UserError(f"The picture's file is larger than {MAX_BYTES // 1024**2} MB: save it smaller.")
        name = f"picture-{hashlib.sha256(data).hexdigest()[:32]}"
        if name not in self._names:
            self._size += len(data)
            if self._size > MAX_SCRATCH_BYTES:
                raise ScratchFullError(
                    f"The set's pictures take more than {MAX_SCRATCH_BYTES // 1024**3} GB: read fewer rows of it."
                )
            try:
                (self.folder / name).write_bytes(data)
            except OSError as error:
                raise ScratchFullError(
                    "The set's pictures do not fit on the disk: free some space, or read fewer rows."
                ) from error
            self._names.add(name)
        return name

    def has(self, name: str) -> bool:
        """Tell whether a picture of this name is kept here."""
        return name in self._names

    def picture(self, name: str) -> Picture:
        """Return a kept picture; `UserError` where it cannot be decoded."""
        return read_picture(self.folder / name)

    @contextmanager
    def lend(self, data: bytes) -> Iterator[Path]:
        """Give the bytes a path for a moment."""
        path = self.folder / f"moment-{uuid.uuid4().hex}"
        try:
            path.write_bytes(data)
            yield path
        finally:
            path.unlink(missing_ok=True)


class ScratchFullError(UserError):
    """There is no room for the set's pictures; not one row's fault, so that it ends the reading."""


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
