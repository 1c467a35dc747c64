"""A bounded, crash-safe folder of files by content address; it knows no model, image or visitor, nor what it keeps.

Each blob is one file, and not a row in SQLite: a store may lie on a mounted bucket, where only whole files written
once are safe; a damaged blob costs only itself; and no connection is open when the platform forks a worker.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

ADDRESS = re.compile(r"[0-9a-f]{64}")
UNFINISHED = ".part"
UNFINISHED_SECONDS = 600


class BlobStore:
    """Keeps bytes in a folder that several threads and processes may share, and drops the least recently used.

    Up to two processes together keep the folder within `max_bytes`; each further one may exceed it by a sixteenth.
    Where the disk is full or read-only, nothing is kept and nothing fails. The suffix of its files, without the dot,
    is what the log calls a blob.
    """

    def __init__(self, folder: Path, max_bytes: int, suffix: str) -> None:
        self._folder = folder
        self._suffix = suffix
        self._noun = suffix.removeprefix(".")
        # A process looks at the folder again after writing one share; leaving two shares free after each look lets two
        # processes write without telling each other.
        self._share = max_bytes // 16
        self._limit = max_bytes - 2 * self._share
        self._written_since_look = max_bytes
        self._lock = threading.Lock()

    def get(self, address: str) -> bytes | None:
        """Return the bytes kept under a content address, and mark them as used; None where there are none.

        A file whose checksum differs is removed.
        """
        path = self._path(address)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("the %s %s could not be read: %s", self._noun, address, error)
            return None
        checksum, _, body = data.partition(b"\n")
        if checksum != _checksum(body):
            self.discard(address, "its checksum differs")
            return None
        with suppress(OSError):
            _mark_used(path)
        return body

    def put(self, address: str, data: bytes) -> bool:
        """Keep bytes under a content address in place of what was there, and tell whether they are kept."""
        path = self._path(address)
        checksum = _checksum(data) + b"\n"
        size = len(checksum) + len(data)
        if size > self._limit:
            log.warning("the %s %s is larger than the whole store and is not kept", self._noun, address)
            return False
        try:
            with self._lock:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._make_room(size)
                self._write(path, checksum, data)
        except OSError as error:
            log.warning("the %s %s could not be kept: %s", self._noun, address, error)
            return False
        return True

    def discard(self, address: str, why: str) -> None:
        """Remove a blob that cannot be used, and warn why: what reads blobs finds damage that no checksum shows."""
        log.warning("the %s %s is damaged and is removed: %s", self._noun, address, why)
        with suppress(OSError):
            self._path(address).unlink()

    def _path(self, address: str) -> Path:
        if not ADDRESS.fullmatch(address):
            raise ValueError(f"not a content address: {address!r}")
        return self._folder / (address + self._suffix)

    def _make_room(self, size: int) -> None:
        self._written_since_look += size
        if self._written_since_look <= self._share:
            return
        entries = self._look()
        total = size + sum(entry_size for _, entry_size, _ in entries)
        for _, entry_size, path in entries:
            if total <= self._limit:
                break
            path.unlink(missing_ok=True)
            total -= entry_size
        self._written_since_look = size

    def _look(self) -> list[tuple[int, int, Path]]:
        """Return last use, size and path of every file, the least recently used first; clear what crashes left."""
        entries = []
        oldest_unfinished = time.time_ns() - UNFINISHED_SECONDS * 10**9
        with os.scandir(self._folder) as files:
            for file in files:
                # Another process may remove a file between the listing and the look.
                with suppress(FileNotFoundError):
                    status = file.stat()
                    if file.name.endswith(UNFINISHED) and status.st_mtime_ns < oldest_unfinished:
                        Path(file).unlink()
                    elif file.name.endswith((self._suffix, UNFINISHED)):
                        entries.append((status.st_mtime_ns, status.st_size, Path(file)))
        return sorted(entries)

    def _write(self, path: Path, *parts: bytes) -> None:
        """Write beside the place and rename: a reader sees a whole file or none, whenever the process dies.

        A power cut may still leave a torn file; its checksum then makes it a miss, so nothing waits for the disk here.
        """
        handle, name = tempfile.mkstemp(dir=self._folder, suffix=UNFINISHED)
        unfinished = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(parts)
            _mark_used(unfinished)
            unfinished.replace(path)
        except OSError:
            with suppress(OSError):
                unfinished.unlink()
            raise


def _checksum(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode("ascii")


def _mark_used(path: Path) -> None:
    now = time.time_ns()
    os.utime(path, ns=(now, now))
