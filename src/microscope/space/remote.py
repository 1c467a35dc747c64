"""What a Space on the Hub has and does, and what is to change in it; data alone, asks no network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from microscope.errors import UserError

CHUNK = 1 << 20


@dataclass(frozen=True)
class RemoteFile:
    """A file of a commit: its size in bytes, and its digest in hexadecimal.

    The digest is the SHA-256 of the contents where the Hub keeps the file as a large one, else Git's object id, the
    SHA-1 of a header and the contents: `digests_of` gives both of what is here.
    """

    path: str
    size: int
    digest: str


@dataclass(frozen=True)
class Commit:
    """A commit of a Space: its id, the first line of its message, and when it was made."""

    sha: str
    title: str
    when: datetime


@dataclass(frozen=True)
class Runtime:
    """What the platform does with a Space now; stages as the Hub names them, such as RUNNING or BUILD_ERROR.

    `sha` is the commit that the stage is about, None where the platform does not say. `error` is what it says itself
    went wrong.
    """

    stage: str
    sha: str | None
    hardware: str | None
    requested: str | None
    sleep_seconds: int | None
    error: str = ""


@dataclass(frozen=True)
class Changes:
    """What one commit does: contents by path, paths that go, and paths that come back from a revision each.

    A path that stands in two of them raises a UserError.
    """

    added: Mapping[str, bytes | Path]
    deleted: tuple[str, ...] = ()
    copied: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        paths = self.paths
        twice = next((path for path in paths if paths.count(path) > 1), None)
        if twice is not None:
            raise UserError(f"{twice} cannot be changed twice in one commit: name it once.")

    @property
    def paths(self) -> tuple[str, ...]:
        """Return every path that is changed."""
        return (*self.added, *self.deleted, *self.copied)


def digests_of(content: bytes | Path) -> frozenset[str]:
    """Return the digests by which the Hub may know contents: as a large file and as one of Git's."""
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    large = hashlib.sha256()
    blob = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    if isinstance(content, bytes):
        large.update(content)
        blob.update(content)
    else:
        with content.open("rb") as file:
            while chunk := file.read(CHUNK):
                large.update(chunk)
                blob.update(chunk)
    return frozenset({large.hexdigest(), blob.hexdigest()})
