"""Warms the files of checkpoints that visitors have chosen, before they ask; knows no model and loads nothing.

State lives in the process: what each visitor wants, and how far its warming is. One thread of the lowest priority
reads; it gives way to every load, and reads only what fits beside all that is in memory already.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from microscope.engine.memory import available_bytes
from microscope.engine.pagecache import cached_fraction, read_ahead
from microscope.hardware import GB, memory_limit

# A few pages that are missing are faults of a millisecond, not a reason to read a file again.
ENOUGH = 0.95
LOWEST_PRIORITY = 19
# What stays free of RAM, as a divisor of it: the page cache is not the only one that grows.
MARGIN = 10

Files = tuple[Path, ...]


@dataclass(frozen=True)
class Warming:
    """How far the warming of one checkpoint is, in bytes (0 of 0 until its turn came), and why it was skipped.

    What was in memory already is skipped as well, with all its bytes done.
    """

    key: str
    bytes_done: int = 0
    bytes_total: int = 0
    state: Literal["waiting", "reading", "done", "skipped"] = "waiting"
    reason: str = ""

    @property
    def is_warm(self) -> bool:
        """Tell whether all its files were in memory when the warming ended."""
        return self.state in ("done", "skipped") and self.bytes_done == self.bytes_total > 0


@dataclass(eq=False)
class _Turn:
    """One checkpoint's turn; abandoned for good once nobody wanted it, whoever wants it afterwards."""

    key: str
    files: Files
    abandoned: bool = False


class Reader(Protocol):
    """Reads files into the page cache, as `pagecache.read_ahead` does."""

    def __call__(
        self,
        paths: Iterable[Path],
        *,
        cancelled: Callable[[], bool],
        progress: Callable[[int], None] | None,
        threads: int,
    ) -> int:
        """Read the files and return the bytes read, asking before each block whether they are still wanted."""
        ...


def room() -> int | None:
    """Return the bytes of page cache that may be filled without harm to others, None where nobody can tell."""
    available = available_bytes()
    return None if available is None else available - memory_limit() // MARGIN


class Prefetcher:
    """Reads the files of wanted checkpoints into the page cache in the background.

    Every visitor's first checkpoint comes before anyone's second. What nobody wants any more is left within a block.
    `room` returns the bytes that may be filled; what is warm and wanted counts as taken, for the kernel calls the page
    cache available.
    """

    def __init__(
        self,
        *,
        read: Reader = read_ahead,
        cached: Callable[[Path], float | None] = cached_fraction,
        room: Callable[[], int | None] = room,
    ) -> None:
        self._read, self._cached, self._room = read, cached, room
        self._wishes: dict[str, dict[str, Files]] = {}
        self._files: dict[str, Files] = {}
        self._states: dict[str, Warming] = {}
        self._snapshot: tuple[Warming, ...] = ()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._loads = 0
        self._closed = False

    def want(self, visitor: str, files: Mapping[str, Files]) -> None:
        """Replace what a visitor wants: checkpoints' keys and files, the most wanted first; looks at no file itself.

        What was warmed or skipped before is looked at anew: it may have left memory since, or find room now.
        """
        with self._changed:
            if self._closed:
                return
            self._wishes.pop(visitor, None)
            self._wishes[visitor] = dict(files)
            for key in files:
                if key in self._states and self._states[key].state in ("done", "skipped"):
                    del self._states[key]
            self._plan()
            if self._files and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)
                self._thread.start()

    def forget(self, visitor: str) -> None:
        """Drop what a visitor wants; what nobody else wants is not read any further."""
        with self._changed:
            if self._wishes.pop(visitor, None) is not None:
                self._plan()

    @contextmanager
    def yield_to(self) -> Iterator[None]:
        """Hold the reading while it lasts, from the next block on: for loads, which somebody waits for."""
        with self._changed:
            self._loads += 1
        try:
            yield
        finally:
            with self._changed:
                # In a forked child the count began anew meanwhile.
                self._loads = max(0, self._loads - 1)
                self._changed.notify_all()

    def snapshot(self) -> tuple[Warming, ...]:
        """Return how far each wanted checkpoint is, in the order of their turns; waits for nobody."""
        return self._snapshot

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is left to warm, and tell whether that came within the seconds given."""
        with self._changed:
            return self._changed.wait_for(self._is_idle, timeout)

    def after_fork(self) -> None:
        """Begin anew in a forked child, which has no thread, and no visitor that would come back to it."""
        self._changed, self._thread, self._loads = threading.Condition(), None, 0
        self._wishes, self._files, self._states, self._snapshot = {}, {}, {}, ()

    def close(self) -> None:
        """End the thread, within a block."""
        with self._changed:
            self._closed = True
            self._wishes.clear()
            self._plan()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _plan(self) -> None:
        """Put what is wanted in its order; holds the lock."""
        turns = [
            (turn, key, files) for wishes in self._wishes.values() for turn, (key, files) in enumerate(wishes.items())
        ]
        before, self._files = self._files, {}
        for _, key, files in sorted(turns, key=lambda wish: wish[0]):
            self._files.setdefault(key, files)
        self._states = {
            key: self._states[key] if key in self._states and before.get(key) == files else Warming(key)
            for key, files in self._files.items()
        }
        self._publish()

    def _publish(self) -> None:
        self._snapshot = tuple(self._states.values())
        self._changed.notify_all()

    def _is_idle(self) -> bool:
        return all(warming.state in ("done", "skipped") for warming in self._snapshot)

    def _run(self) -> None:
        _lower_priority()
        while (turn := self._take()) is not None:
            outcome = Warming(turn.key, state="skipped", reason="could not be read")
            try:
                outcome = self._warm(turn)
            finally:
                self._tell(turn, outcome)

    def _take(self) -> _Turn | None:
        """Wait for the next turn, and return it; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or (self._waiting() is not None and not self._loads))
            key = self._waiting()
            if self._closed or key is None:
                return None
            self._states[key] = Warming(key, state="reading")
            self._publish()
            return _Turn(key, self._files[key])

    def _waiting(self) -> str | None:
        return next((key for key, warming in self._states.items() if warming.state == "waiting"), None)

    def _warm(self, turn: _Turn) -> Warming:
        """Read what is not in memory, if it fits, and return how that ended."""
        key, sizes = turn.key, _sizes(turn.files)
        total = sum(sizes.values())
        if len(sizes) < len(set(turn.files)):
            return Warming(key, 0, total, "skipped", "its files are gone")
        shares = {path: self._cached(path) or 0.0 for path in sizes}
        cold = [path for path in sizes if sizes[path] and shares[path] < ENOUGH]
        if not cold:
            return Warming(key, total, total, "skipped", "in memory already")
        begun = total - sum(sizes[path] for path in cold)
        refusal = self._refusal(key, round(sum(sizes[path] * (1 - shares[path]) for path in cold)))
        if refusal:
            return Warming(key, begun, total, "skipped", refusal)
        self._tell(turn, Warming(key, begun, total, "reading"))
        done = begun + self._read(
            cold,
            cancelled=partial(self._gave_up, turn),
            progress=lambda read: self._tell(turn, Warming(key, begun + read, total, "reading")),
            # The others of a pool would outlive the interpreter's end.
            threads=1,
        )
        if done < total:
            return Warming(key, done, total, "skipped", "its files are gone")
        return Warming(key, done, total, "done")

    def _refusal(self, key: str, need: int) -> str:
        """Return why bytes must not be read, empty where they may."""
        free = self._room()
        if free is None:
            return "this system does not tell how much memory is free"
        free -= sum(warming.bytes_total for warming in self._snapshot if warming.is_warm and warming.key != key)
        return "" if need <= free else f"needs {need / GB:.2f} GB of memory, and {max(0, free) / GB:.2f} GB are free"

    def _gave_up(self, turn: _Turn) -> bool:
        """Tell whether nobody wants the files any more, once no load needs the disk."""
        with self._changed:
            self._changed.wait_for(lambda: not self._loads or self._files.get(turn.key) != turn.files)
            turn.abandoned = self._files.get(turn.key) != turn.files
            return turn.abandoned

    def _tell(self, turn: _Turn, warming: Warming) -> None:
        with self._changed:
            if not turn.abandoned and self._files.get(turn.key) == turn.files:
                self._states[turn.key] = warming
                self._publish()


def _sizes(files: Files) -> dict[Path, int]:
    sizes: dict[Path, int] = {}
    for path in files:
        with suppress(OSError):
            sizes[path] = path.stat().st_size
    return sizes


def _lower_priority() -> None:
    # On Linux a thread has a priority of its own, by its id; elsewhere it would be the process's.
    if sys.platform.startswith("linux"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)
