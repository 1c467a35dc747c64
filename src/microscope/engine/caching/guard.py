"""A lock that knows whose it is, and keeps what its own holder asked for meanwhile; knows nothing of what it guards.

The garbage collector runs finalisers in whatever thread makes objects, also in one that holds a lock. A finaliser that
needs the same lock would wait for itself for ever, and one that gets in again would find a decision half made: what it
asks for is put off until the lock is open.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType


class Guard:
    """A lock, as a context manager; `put_off` tells whether something has to wait until it is open again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._later: deque[Callable[[], None]] = deque()

    def __enter__(self) -> None:
        self._lock.acquire()
        self._owner = threading.get_ident()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._owner = None
        self._lock.release()

    def put_off(self, what: Callable[[], None]) -> bool:
        """Keep what is to be done for `catch_up`, where this very thread has the lock; tell whether it does."""
        if self._owner != threading.get_ident():
            return False
        self._later.append(what)
        return True

    def catch_up(self) -> None:
        """Do what was put off; the lock must be open."""
        while self._later:
            self._later.popleft()()

    def renew(self) -> None:
        """Open the lock in a forked child: another thread of the parent may have held it."""
        self._lock, self._owner = threading.Lock(), None
        self._later.clear()
