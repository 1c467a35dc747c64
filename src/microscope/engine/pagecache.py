"""Files and the kernel's page cache: reads them in, asks what is in, drops them; knows no model and no format.

Memory that a mapped file is read into costs the process nothing of its own, and the kernel takes it back when others
need it: on a CPU it is where checkpoints that are not in use are kept.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path

# Larger blocks and more threads read no faster from a cold disk, and one thread alone about a sixth slower. A block is
# also how long a reader takes to notice that it is no longer wanted.
BLOCK = 8 * 2**20
THREADS = 2
SPOTS = 32


def never() -> bool:
    """Return False: what is asked is never cancelled."""
    return False


def read_ahead(
    paths: Iterable[Path],
    *,
    cancelled: Callable[[], bool] = never,
    progress: Callable[[int], None] | None = None,
    threads: int = THREADS,
) -> int:
    """Read files into the page cache, faster than page faults on their mappings would, and return the bytes read.

    `cancelled` is asked before each block, by one thread at a time, and may also wait; `progress` receives the bytes
    read so far, which only grow. A file that is gone is skipped: it is told when it is loaded. With one thread, the
    caller's own reads.
    """
    reading = _Reading(paths, cancelled, progress)
    if threads == 1:
        reading.run()
        return reading.done
    with ThreadPoolExecutor(threads - 1, thread_name_prefix="read-ahead") as pool:
        try:
            others = [pool.submit(reading.run) for _ in range(threads - 1)]
            reading.run()
            for other in others:
                other.result()
        finally:
            reading.stop()
    return reading.done


def cached_fraction(path: Path) -> float | None:
    """Return the share of a file that is in the page cache, from a sample of its pages, without reading any of it.

    None where nobody can tell: another system than Linux, a file that cannot be mapped, or that is neither ours nor
    writable, for then the kernel says of every page that it is there.
    """
    if not sys.platform.startswith("linux"):
        return None
    try:
        with path.open("rb", buffering=0) as file:
            state = os.fstat(file.fileno())
            if state.st_uid != os.geteuid() and not os.access(path, os.W_OK):
                return None
            pages = -(-state.st_size // mmap.PAGESIZE)
            # The middle of each of as many equal parts.
            count = min(SPOTS, pages)
            spots = ((2 * spot + 1) * pages // (2 * count) * mmap.PAGESIZE for spot in range(count))
            found = [_is_cached(file.fileno(), spot, state.st_size) for spot in spots]
    except (OSError, ValueError):
        # The latter where the file was cut short meanwhile.
        return None
    return sum(found) / len(found) if found else 1.0


def drop(path: Path) -> None:
    """Take a file out of the page cache, for benchmarks and tests; does nothing where the system has no such call."""
    if not hasattr(os, "posix_fadvise"):
        return
    with path.open("rb", buffering=0) as file:
        # Pages that are not on the disk yet would stay.
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@cache
def _mincore() -> Callable[[int, int, ctypes.Array[ctypes.c_char]], int]:
    call = ctypes.CDLL(None, use_errno=True).mincore
    call.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p)
    return call


def _is_cached(file: int, offset: int, size: int) -> bool:
    # A read that must not wait (RWF_NOWAIT) asks as well, but there are kernels that then start to read the page.
    with mmap.mmap(file, min(mmap.PAGESIZE, size - offset), access=mmap.ACCESS_COPY, offset=offset) as window:
        answer = ctypes.create_string_buffer(1)
        first = ctypes.c_char.from_buffer(window)
        failed = _mincore()(ctypes.addressof(first), len(window), answer)
        # A mapping that something points into cannot be closed.
        del first
        if failed:
            raise OSError(ctypes.get_errno(), "mincore")
        return bool(answer.raw[0] & 1)


class _Reading:
    """What the threads that read the same files share: the blocks that are left, and the bytes that are done."""

    def __init__(
        self, paths: Iterable[Path], cancelled: Callable[[], bool], progress: Callable[[int], None] | None
    ) -> None:
        self.done = 0
        self._blocks = _blocks(paths)
        self._cancelled, self._progress = cancelled, progress
        self._stopped = False
        self._lock = threading.Lock()

    def run(self) -> None:
        """Read blocks until none is left, or nobody wants them any more."""
        buffer = memoryview(bytearray(BLOCK))
        try:
            while (block := self._next()) is not None:
                path, offset, length = block
                size = 0
                with suppress(OSError), path.open("rb", buffering=0) as file:
                    file.seek(offset)
                    size = file.readinto(buffer[:length])
                self._count(size)
        finally:
            # The others end as well where this one failed.
            self.stop()

    def stop(self) -> None:
        """Let no thread take another block."""
        self._stopped = True

    def _next(self) -> tuple[Path, int, int] | None:
        with self._lock:
            if self._stopped or self._cancelled():
                return None
            return next(self._blocks, None)

    def _count(self, size: int) -> None:
        with self._lock:
            self.done += size
            if self._progress is not None:
                self._progress(self.done)


def _blocks(paths: Iterable[Path]) -> Iterator[tuple[Path, int, int]]:
    """Yield (file, offset, length) of the files' blocks in their order."""
    for path in paths:
        with suppress(OSError):
            size = path.stat().st_size
            yield from ((path, offset, min(BLOCK, size - offset)) for offset in range(0, size, BLOCK))
