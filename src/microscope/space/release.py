"""A version of the template to bring to a Space: this checkout, or what another Space holds; changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from microscope.errors import UserError
from microscope.space.hub import RemoteFile, SpaceHub
from microscope.space.payload import MANIFEST, NEEDED, Payload, read_manifest
from microscope.space.remote import digests_of

# How many commits are looked through for an older version of a file.
HISTORY = 50
SHA256_LENGTH = 64


def _none(_path: str, _sha256: str) -> bytes | None:
    return None


@dataclass(frozen=True)
class Release:
    """A version of the template: its manifest, each file's SHA-256 by path, and where contents come from.

    `content(path)` returns bytes or where they lie, `digests(path)` what the Hub may know the file by.
    `older(path, sha256)` returns a file of an earlier version, None where that is not at hand.
    """

    source: str
    version: str
    digest: str
    manifest: bytes
    files: Mapping[str, str]
    content: Callable[[str], bytes | Path]
    digests: Callable[[str], frozenset[str]]
    older: Callable[[str, str], bytes | None] = _none

    def has(self, path: str, remote: RemoteFile) -> bool:
        """Tell whether a file on a Space is this version's."""
        return remote.digest in self.digests(path)

    def read(self, path: str) -> bytes:
        """Return the contents of a file."""
        content = self.content(path)
        return content.read_bytes() if isinstance(content, Path) else content


def checkout_release(payload: Payload) -> Release:
    """Return the version that a checkout is."""
    return Release(
        source="this checkout",
        version=payload.version,
        digest=payload.digest,
        manifest=payload.manifest,
        files={file.path: file.sha256 for file in payload.files},
        content=lambda path: payload.root / path,
        digests=lambda path: digests_of(payload.root / path),
    )


def space_release(hub: SpaceHub, revision: str | None = None) -> Release:
    """Return the version that a Space was deployed at, at a revision (None: its newest).

    Its files must be those that its manifest lists; a UserError names one that is not, where it is needed.
    """
    at = revision or hub.head()
    remote = hub.files(at)
    manifest = hub.read(MANIFEST, at)
    try:
        told = read_manifest(manifest or b"")
    except ValueError as error:
        raise UserError(
            f"{hub.space} does not say which version it is: it has no {MANIFEST} at {at[:7]}. Name a Space that was "
            "deployed with microscope space deploy, or update from a checkout, without --from."
        ) from error
    missing = [path for path in NEEDED if path not in told.files]
    if missing:
        raise UserError(
            f"{hub.space} is no copy of VLM Microscope: its {MANIFEST} lists no {missing[0]}; name another."
        )

    def content(path: str) -> bytes:
        found = hub.read(path, at)
        if found is None or hashlib.sha256(found).hexdigest() != told.files[path]:
            raise UserError(
                f"{path} of {hub.space} was changed after it was deployed: name a revision as it was deployed, with "
                f"--from {hub.space}@REVISION, or update from a checkout."
            )
        return found

    def digests(path: str) -> frozenset[str]:
        listed = remote.get(path)
        if listed is None or len(listed.digest) == SHA256_LENGTH:
            return digests_of(content(path))
        return frozenset({told.files[path], listed.digest})

    return Release(
        source=f"{hub.space} at {at[:7]}",
        version=told.version,
        digest=told.digest,
        manifest=manifest or b"",
        files=told.files,
        content=content,
        digests=digests,
        older=lambda path, sha256: older(hub, path, sha256),
    )


def older(hub: SpaceHub, path: str, sha256: str) -> bytes | None:
    """Return the contents that a file of a Space once had, from its history; None where no late commit has them."""
    for commit in hub.history(HISTORY):
        found = hub.read(path, commit.sha)
        if found is not None and hashlib.sha256(found).hexdigest() == sha256:
            return found
    return None
