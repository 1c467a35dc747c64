"""Pictures that visitors chose to keep for some days so that a link reopens them; knows no visitor and no question."""

from __future__ import annotations

import errno
import io
import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from PIL import Image

from microscope.errors import UserError
from microscope.records import Picture

WEEK = 7 * 24 * 3600
UNFINISHED_SECONDS = 600

_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_SUFFIX, _UNFINISHED = ".png", ".part"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_share_id(text: str) -> bool:
    """Tell whether a text has the form of a share id; such a text is safe as a file name."""
    return _ID.fullmatch(text) is not None


class ShareStore:
    """Keeps shared pictures in a folder as PNG files without metadata, each under a random id that nobody can guess.

    A picture is gone `lifetime_seconds` after it was put, or earlier where newer ones need its room: all of them
    together take at most `max_bytes`. A file's modification time is when it was put, so a restart changes nothing.
    """

    def __init__(
        self, folder: Path, max_bytes: int, *, lifetime_seconds: float = WEEK, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        self._lifetime, self._clock = lifetime_seconds, clock
        self._lock = threading.Lock()

    def put(self, picture: Picture) -> str:
        """Keep a picture and return its share id; raises `UserError` where there is no room for it on the disk."""
        data = _encode(picture)
        if len(data) > self._max_bytes:
            raise UserError(
                f"The image takes {len(data) / 1e6:.1f} MB and at most {self._max_bytes / 1e6:.1f} MB can be kept: "
                "make it smaller to get a link that reopens it."
            )
        share = secrets.token_urlsafe(16)
        with self._lock:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._purge(self._max_bytes - len(data))
                self._write(self._path(share), data)
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                raise UserError(
                    "The disk of this app is full, so the image cannot be kept: try again later, or share an example."
                ) from error
        return share

    def get(self, share: str) -> Picture | None:
        """Return the picture of a share id; None where it is unknown, expired, or no share id at all."""
        if not is_share_id(share):
            return None
        path = self._path(share)
        try:
            if self._expired(path.stat().st_mtime):
                path.unlink(missing_ok=True)
                return None
            return _decode(path.read_bytes())
        except FileNotFoundError:
            return None

    def purge(self) -> None:
        """Remove the pictures that have expired; call it now and then, for an expired picture may not stay on disk."""
        with self._lock:
            self._purge(self._max_bytes)

    def _path(self, share: str) -> Path:
        return self._folder / (share + _SUFFIX)

    def _expired(self, put_at: float) -> bool:
        return self._clock() - put_at >= self._lifetime

    def _purge(self, limit: int) -> None:
        """Remove what has expired and what a crash left unfinished, then the oldest until the rest fits the limit."""
        kept = []
        for put_at, size, path in self._files():
            left_over = path.suffix == _UNFINISHED and self._clock() - put_at >= UNFINISHED_SECONDS
            if left_over or self._expired(put_at):
                path.unlink(missing_ok=True)
            else:
                kept.append((size, path))
        total = sum(size for size, _ in kept)
        for size, path in kept:
            if total <= limit:
                break
            path.unlink(missing_ok=True)
            total -= size

    def _files(self) -> list[tuple[float, int, Path]]:
        """Return when it was put, size and path of every file, the oldest first."""
        found = []
        for path in self._folder.glob("*"):
            # Another process may remove a file between the listing and the look.
            with suppress(FileNotFoundError):
                status = path.stat()
                if path.suffix in (_SUFFIX, _UNFINISHED):
                    found.append((status.st_mtime, status.st_size, path))
        return sorted(found)

    def _write(self, path: Path, data: bytes) -> None:
        """Write beside the place and rename: a reader sees a whole file or none."""
        unfinished = path.with_suffix(_UNFINISHED)
        try:
            with unfinished.open("wb") as file:
                file.write(data)
            now = self._clock()
            os.utime(unfinished, (now, now))
            unfinished.replace(path)
        except OSError:
            with suppress(OSError):
                unfinished.unlink()
            raise


def _encode(picture: Picture) -> bytes:
    buffer = io.BytesIO()
    Image.frombytes("RGB", (picture.width, picture.height), picture.rgb).save(buffer, "PNG")
    return buffer.getvalue()


def _decode(data: bytes) -> Picture | None:
    """Return the picture of a file; None where a power cut tore it."""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            image.load()
            return Picture(image.width, image.height, image.tobytes())
    except (OSError, SyntaxError, ValueError):
        return None
