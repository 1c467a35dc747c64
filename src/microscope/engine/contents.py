"""What files contain, as a hash that is remembered; knows no format."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

READ_AT_ONCE = 4 * 1024**2


def contents_hash(paths: Iterable[Path]) -> str:
    """Return the SHA-256 over the contents of the files in their order; of a single file, its own.

    Contents are remembered by path, size and modification time, so that only a file that changed is read again.
    """
    digests = [_digest(path, state.st_size, state.st_mtime_ns) for path in paths for state in [path.stat()]]
    return digests[0].hex() if len(digests) == 1 else hashlib.sha256(b"".join(digests)).hexdigest()


@lru_cache(maxsize=4096)
def _digest(path: Path, _size: int, _modified: int) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_AT_ONCE):
            digest.update(block)
    return digest.digest()
