"""Many small records by content address, appended to journals; knows no model, nor what it keeps.

Where thousands of records are kept at once, a file for each would be slow and many. Each process appends to a journal
of its own, one line a record with a checksum before it, so that whatever kills it costs the last line at most, and
nobody writes where another one writes. A journal is a fraction of the whole; the oldest ones go when room is needed.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import uuid
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

SUFFIX = ".ledger"
ADDRESS = re.compile(r"[0-9a-f]{64}")
# A line is checksum, address, body, and its end; the first two have fixed widths.
CHECKSUM, START = 8, 8 + 1 + 64 + 1
SHARES = 16
# A journal's number and a place in it are one integer: one for each record is held in memory.
PLACES = 48


class Ledger:
    """Keeps records in a folder that several threads and processes may share, within about `max_bytes`.

    Of several records under one address the one read last counts. Where the disk is full or read-only, nothing is kept
    and nothing fails.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder, self._most = folder, max_bytes
        self._lock = threading.RLock()
        self._places: dict[bytes, int] = {}
        self._journals: list[Path] = []
        self._read: dict[Path, int] = {}
        self._own: Path | None = None

    def put(self, records: Mapping[str, bytes]) -> bool:
        """Append records by their content address, and tell whether they are kept; a body holds no line break."""
        lines = [_line(address, body) for address, body in records.items()]
        size = sum(map(len, lines))
        if not lines:
            return True
        if size > self._most:
            log.warning("records of %d bytes are more than the whole ledger and are not kept", size)
            return False
        try:
            with self._lock:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._make_room(size)
                self._append(b"".join(lines))
        except OSError as error:
            log.warning("%d records could not be kept: %s", len(records), error)
            return False
        return True

    def get(self, addresses: Iterable[str]) -> dict[str, bytes]:
        """Return the bodies of those addresses that are kept; a damaged record is none.

        Raises `ValueError` for what is not a content address.
        """
        keys = {address: _key(address) for address in addresses}
        with self._lock:
            self._look()
            places = {address: self._places.get(key) for address, key in keys.items()}
            wanted: dict[int, list[tuple[int, str]]] = {}
            for address, place in places.items():
                if place is not None:
                    wanted.setdefault(place >> PLACES, []).append((place & (1 << PLACES) - 1, address))
            found: dict[str, bytes] = {}
            for journal, entries in wanted.items():
                found.update(self._bodies(self._journals[journal], sorted(entries)))
        return found

    def _bodies(self, path: Path, entries: Sequence[tuple[int, str]]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        try:
            with path.open("rb") as file:
                for place, address in entries:
                    file.seek(place)
                    body = _body(file.readline(), address)
                    if body is None:
                        log.warning("the record %s in %s is damaged and is not used", address, path.name)
                        self._places.pop(_key(address), None)
                    else:
                        found[address] = body
        except OSError as error:
            log.warning("the journal %s could not be read: %s", path.name, error)
        return found

    def _look(self) -> None:
        """Read what was appended since the last look, by whomever."""
        try:
            paths = sorted(self._folder.glob("*" + SUFFIX), key=lambda path: path.stat().st_mtime_ns)
        except OSError:
            # Another process may remove one between the listing and the look; the next look finds the others.
            return
        for path in paths:
            # What was removed meanwhile, or cannot be read, holds nothing.
            with suppress(OSError):
                self._follow(path)
        for path in set(self._read) - set(paths):
            self._forget(path)

    def _follow(self, path: Path) -> None:
        start = self._read.get(path, 0)
        if path.stat().st_size <= start:
            return
        if path not in self._journals:
            self._journals.append(path)
        number = self._journals.index(path) << PLACES
        with path.open("rb") as file:
            file.seek(start)
            for line in file:
                if not line.endswith(b"\n"):
                    # Its writer is at it, or died; nobody goes on behind it.
                    break
                address = line[CHECKSUM + 1 : START - 1].decode("latin-1")
                if ADDRESS.fullmatch(address):
                    self._places[bytes.fromhex(address)] = number | start
                start += len(line)
        self._read[path] = start

    def _forget(self, path: Path) -> None:
        self._read.pop(path, None)
        if path in self._journals:
            number = self._journals.index(path)
            self._places = {name: place for name, place in self._places.items() if place >> PLACES != number}

    def _make_room(self, size: int) -> None:
        entries = []
        for path in self._folder.glob("*" + SUFFIX):
            with suppress(FileNotFoundError):
                status = path.stat()
                entries.append((status.st_mtime_ns, status.st_size, path))
        sizes = {path: entry_size for _, entry_size, path in entries}
        total = size + sum(sizes.values())
        for _, entry_size, path in sorted(entries):
            if total <= self._most:
                break
            path.unlink(missing_ok=True)
            self._forget(path)
            del sizes[path]
            total -= entry_size
        own = self._own
        if own is not None and (own not in sizes or sizes[own] + size > self._most // SHARES):
            # Full, or removed; the next lines go to a new one.
            self._own = None

    def _append(self, data: bytes) -> None:
        if self._own is None:
            self._own = self._folder / f"{uuid.uuid4().hex}{SUFFIX}"
            self._own.touch(exist_ok=False)
        try:
            # Removed by another process meanwhile, it does not come back: who has read it would read on where it was.
            with open(self._own, "ab", opener=_existing) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            # Half a line may be there: nothing goes behind it.
            self._own = None
            raise


def _existing(path: str, flags: int) -> int:
    return os.open(path, flags & ~os.O_CREAT)


def _key(address: str) -> bytes:
    """Return an address as what places are remembered by: half as long."""
    if not ADDRESS.fullmatch(address):
        raise ValueError(f"not a content address: {address!r}")
    return bytes.fromhex(address)


def _line(address: str, body: bytes) -> bytes:
    if not ADDRESS.fullmatch(address) or b"\n" in body:
        raise ValueError(f"this cannot be a line of a ledger: {address!r}")
    rest = address.encode("ascii") + b" " + body
    return f"{zlib.crc32(rest):08x}".encode("ascii") + b" " + rest + b"\n"


def _body(line: bytes, address: str) -> bytes | None:
    """Return a line's body; None where it is not that address's, not whole, or damaged."""
    rest = line[CHECKSUM + 1 : -1]
    whole = line.endswith(b"\n") and rest[:64] == address.encode("ascii")
    return line[START:-1] if whole and line[:CHECKSUM] == f"{zlib.crc32(rest):08x}".encode("ascii") else None
