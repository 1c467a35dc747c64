"""The store of finished answers by content address, bounded and crash-safe; it knows no model, image or visitor.

Each answer is one small file, and not a row in SQLite: a store may lie on a mounted bucket, where only whole files
written once are safe; a damaged answer costs only itself; and no connection is open when the platform forks a worker.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from microscope.records import Answer
from microscope.storage.records_json import answer_from_json, answer_to_json

log = logging.getLogger(__name__)

RECORD_VERSION = 1
ADDRESS = re.compile(r"[0-9a-f]{64}")
SUFFIX = ".answer"
UNFINISHED = ".part"
UNFINISHED_SECONDS = 600


class AnswerStore:
    """Keeps answers in a folder that several threads and processes may share, and drops the least recently used.

    Up to two processes together keep the folder within `max_bytes`; each further one may exceed it by a sixteenth.
    Where the disk is full or read-only, nothing is kept and nothing fails.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        # A process looks at the folder again after writing one share; leaving two shares free after each look lets two
        # processes write without telling each other.
        self._share = max_bytes // 16
        self._limit = max_bytes - 2 * self._share
        self._written_since_look = max_bytes
        self._lock = threading.Lock()

    def get(self, address: str) -> Answer | None:
        """Return the answer kept under a content address, marked as coming from the store; None where there is none.

        Its `checkpoint` is the one that computed it: another key may stand for the same weights.
        """
        path = self._path(address)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("the answer %s could not be read: %s", address, error)
            return None
        try:
            answer = _decode(data, address)
        except ValueError as error:
            log.warning("the answer %s is damaged and is removed: %s", address, error)
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            _mark_used(path)
        return replace(answer, computed="store")

    def put(self, address: str, answer: Answer) -> bool:
        """Keep a finished answer under its content address, and tell whether it is kept.

        An answer that a person stopped is not what its address stands for, and is not kept.
        """
        path = self._path(address)
        if answer.facts.finish == "stopped":
            return False
        data = _encode(replace(answer, address=address))
        if len(data) > self._limit:
            log.warning("the answer %s is larger than the whole store and is not kept", address)
            return False
        try:
            with self._lock:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._make_room(len(data))
                self._write(path, data)
        except OSError as error:
            log.warning("the answer %s could not be kept: %s", address, error)
            return False
        return True

    def _path(self, address: str) -> Path:
        if not ADDRESS.fullmatch(address):
            raise ValueError(f"not a content address: {address!r}")
        return self._folder / (address + SUFFIX)

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
                    elif file.name.endswith((SUFFIX, UNFINISHED)):
                        entries.append((status.st_mtime_ns, status.st_size, Path(file)))
        return sorted(entries)

    def _write(self, path: Path, data: bytes) -> None:
        """Write beside the place and rename: a reader sees a whole file or none, whenever the process dies.

        A power cut may still leave a torn file; its checksum then makes it a miss, so nothing waits for the disk here.
        """
        handle, name = tempfile.mkstemp(dir=self._folder, suffix=UNFINISHED)
        unfinished = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            _mark_used(unfinished)
            unfinished.replace(path)
        except OSError:
            with suppress(OSError):
                unfinished.unlink()
            raise


def _mark_used(path: Path) -> None:
    now = time.time_ns()
    os.utime(path, ns=(now, now))


def _encode(answer: Answer) -> bytes:
    body = json.dumps({"version": RECORD_VERSION, "answer": answer_to_json(answer)}, allow_nan=False).encode("ascii")
    return hashlib.sha256(body).hexdigest().encode("ascii") + b"\n" + body


def _decode(data: bytes, address: str) -> Answer:
    """Return the answer of a file; raises `ValueError` where it is torn, of another version or of another address."""
    checksum, _, body = data.partition(b"\n")
    if checksum != hashlib.sha256(body).hexdigest().encode("ascii"):
        raise ValueError("its checksum differs")
    record = json.loads(body)
    if not isinstance(record, dict) or record.get("version") != RECORD_VERSION:
        raise ValueError(f"its form is not version {RECORD_VERSION}")
    answer = answer_from_json(record.get("answer", {}))
    if answer.address != address:
        raise ValueError(f"it belongs to {answer.address}")
    return answer
