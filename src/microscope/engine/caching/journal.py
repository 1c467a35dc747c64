"""Turns what the cache does into events, counts and rates; knows no thread."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable

from microscope.engine.caching.states import CacheEvent, Kind

log = logging.getLogger("microscope")

KEPT, GB = 60, 10**9
# How a load was done, in words.
WAYS = {"plain": "by the library", "shell": "into a kept module", "pointer": "by re-pointing a kept module"}
LOGGED = {Kind.LOAD: logging.INFO, Kind.EVICTION: logging.INFO, Kind.OUT_OF_MEMORY: logging.WARNING}
# These come with every answer; the list is for what happens seldom.
FREQUENT = (Kind.HIT, Kind.MISS)

Listener = Callable[[CacheEvent], None]


class Journal:
    """The last events, how many there were of each kind, and who else wants to know of them.

    A listener is called in the thread in which it happened, with the cache's lock held: it must be quick.
    """

    def __init__(self) -> None:
        self._recent: deque[CacheEvent] = deque(maxlen=KEPT)
        self._counts: Counter[str] = Counter()
        self._listeners: tuple[Listener, ...] = ()
        self._uses: dict[str, float] = {}

    def listen(self, listener: Listener) -> None:
        """Tell a listener of every event from now on."""
        self._listeners = (*self._listeners, listener)

    def note(self, kind: Kind, label: str, detail: str = "", *, size: int = 0, seconds: float = 0.0) -> None:
        """Note an event."""
        event = CacheEvent(time.time(), kind, label, detail, size, seconds)
        self._counts[kind.value] += 1
        if kind in FREQUENT:
            self._uses[label] = event.when
        else:
            self._recent.appendleft(event)
        if kind in LOGGED:
            log.log(LOGGED[kind], "%s: %s: %s", kind.value, label, detail)
        for listener in self._listeners:
            listener(event)

    def loaded(self, label: str, size: int, seconds: float, how: str) -> None:
        """Note a load with its rate."""
        rate = f", {size / seconds / GB:.1f} GB/s" if seconds > 0 else ""
        amount = f"{size / GB:.2f} GB" if size >= GB else f"{size / 1e6:.1f} MB"
        detail = f"{amount} in {seconds:.2f} s{rate} ({WAYS.get(how, how)})"
        self.note(Kind.LOAD, label, detail, size=size, seconds=seconds)

    @property
    def recent(self) -> tuple[CacheEvent, ...]:
        """Return the last events but hits and misses, the newest first."""
        return tuple(self._recent)

    def last_use(self, label: str) -> float | None:
        """Return when a checkpoint was last used, in seconds since the epoch, whether it is still in memory or not."""
        return self._uses.get(label)

    @property
    def counts(self) -> tuple[tuple[str, int], ...]:
        """Return how many events there were of each kind."""
        return tuple(sorted(self._counts.items()))
