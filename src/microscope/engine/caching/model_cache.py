"""Keeps loaded models within a budget of bytes, and carries out what the scheduler decides.

Knows neither how a model is loaded nor what it is used for. State lives in the process: a forked worker starts from
its parent's models with nobody using or awaiting any, and with a lock of its own. One lock guards the scheduler; it is
held while decisions are made, never while anything is loaded, let go of, or used. Loads run in threads of their own,
so that whoever waits can leave.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from microscope.engine.boundary import attempt
from microscope.engine.caching.estimate import Rates, waiting
from microscope.engine.caching.guard import Guard
from microscope.engine.caching.journal import Journal
from microscope.engine.caching.loads import Found, Loaded, LoadFunction, LoadJob, run
from microscope.engine.caching.scheduler import Scheduler
from microscope.engine.caching.snapshots import picture
from microscope.engine.caching.states import (
    Effect,
    Evict,
    Grant,
    Kind,
    Load,
    LoadDropped,
    Progress,
    Refuse,
    Snapshot,
    Waiting,
    Want,
)
from microscope.engine.caching.ticket import Lease, Ticket
from microscope.errors import OutOfMemoryError, UserError

R = TypeVar("R")


DROP_LOOK_SECONDS = 0.01


@dataclass
class _Work(Generic[R]):
    """Effects to carry out once the lock is open: models to let go of, then loads to begin."""

    gone: list[R] = field(default_factory=list)
    loads: list[tuple[Want, LoadFunction[R]]] = field(default_factory=list)


class ModelCache(Generic[R]):
    """Models in memory, leased to those who use them; safe from any number of threads.

    `release` lets go of a model that nobody uses; the scheduler has the limits.
    """

    def __init__(self, scheduler: Scheduler, release: Callable[[R], None]) -> None:
        self.journal = Journal()
        self._scheduler, self._release = scheduler, release
        self._guard = Guard()
        self._residents: dict[str, Loaded[R]] = {}
        self._tickets: dict[int, Ticket[R]] = {}
        self._functions: dict[int, LoadFunction[R]] = {}
        self._loads: dict[str, Progress] = {}
        self._rates = Rates()
        self._longest_wait = 0.0
        self._published = Snapshot(budget=scheduler.budget)
        renew = weakref.WeakMethod(self._after_fork)
        os.register_at_fork(after_in_child=lambda: (method := renew()) and method())

    @property
    def budget(self) -> int:
        """Return the bytes that the weights of all models may take."""
        return self._scheduler.budget

    @property
    def most(self) -> int | None:
        """Return how many models there may be, None for any number."""
        return self._scheduler.most

    def request(self, want: Want, load: LoadFunction[R], *, eager: bool = True) -> Ticket[R]:
        """Ask for a model, and return at once with a ticket; `load` is called where it is absent.

        Not `eager`, the model is only loaded, where that is in nobody's way, until the ticket is promoted.
        """
        ticket: Ticket[R] = Ticket(self)
        with self._guard:
            ticket.number, effects = self._scheduler.ask(want, time.monotonic(), eager=eager)
            self._tickets[ticket.number], self._functions[ticket.number] = ticket, load
            work = self._settle(effects)
        self._carry_out(work)
        return ticket

    @contextmanager
    def lease(self, want: Want, load: LoadFunction[R]) -> Iterator[Lease[R]]:
        """Lease a model, waiting for it as long as it takes; a refusal is a `UserError`."""
        with self.request(want, load) as ticket:
            yield ticket.lease

    def place(self, want: Want, loaded: Loaded[R]) -> None:
        """Keep a model for good that was loaded before there were uses, for instance before launch on ZeroGPU."""
        with self._guard:
            self._scheduler.place(want, loaded.bytes, time.monotonic(), device=loaded.device)
            self._residents[want.model] = loaded
            self._publish()

    def promote(self, ticket: int) -> None:
        """Let what was asked ahead take its turn."""
        with self._guard:
            work = self._settle(self._scheduler.promote(ticket, time.monotonic()))
        self._carry_out(work)

    def close(self, ticket: int) -> None:
        """End a use, whether it runs or still waits; once more changes nothing.

        The garbage collector may call it, for an answer that was given up, in a thread that has the lock: then it is
        done when the lock is open.
        """
        if self._guard.put_off(partial(self.close, ticket)):
            return
        with self._guard:
            if self._tickets.pop(ticket, None) is None:
                return
            del self._functions[ticket]
            now = time.monotonic()
            ask = self._scheduler.running.get(ticket)
            if ask is not None:
                self._rates.ran(now - ask.began)
            work = self._settle(self._scheduler.end(ticket, now))
        self._carry_out(work)

    def waiting(self, ticket: int) -> Waiting | None:
        """Return where a use stands that has not begun; patience may run out, so the scheduler looks again."""
        with self._guard:
            work = self._settle(self._scheduler.step(time.monotonic()))
            found = waiting(self._scheduler, ticket, time.monotonic(), self._rates, self._loads)
        self._carry_out(work)
        return found

    def holds(self, key: str) -> bool:
        """Tell whether the model is in memory; a hint for estimates, not a promise."""
        return key in self._residents

    def get(self, key: str) -> R | None:
        """Return a model that is in memory without leasing it: to look at, not to use."""
        loaded = self._residents.get(key)
        return None if loaded is None else loaded.resident

    def snapshot(self) -> Snapshot:
        """Return the cache as it was after the last change; takes no lock."""
        return self._published

    def pin(self, key: str, *, on: bool) -> bool:
        """Keep a model in memory whatever comes, or no longer; tell whether it is in memory at all."""
        with self._guard:
            known = key in self._scheduler.models
            work = self._settle(self._scheduler.pin(key, time.monotonic(), on=on) if known else [])
        self._carry_out(work)
        return known

    def grow(self, key: str, size: int) -> bool:
        """Note that a model in use takes so many bytes now, others going for it; False where there is no room."""
        with self._guard:
            effects = self._scheduler.grow(key, size)
            work = self._settle(effects or [])
        self._carry_out(work)
        return effects is not None

    def unload(self, key: str, reason: str) -> bool:
        """Let go of a model that nobody uses, and tell whether it went."""
        with self._guard:
            effects = self._scheduler.unload(key, reason, time.monotonic())
            work = self._settle(effects)
        self._carry_out(work)
        return bool(work.gone)

    def relieve(self, label: str, detail: str) -> int:
        """Let go of everything idle because memory ran out, and return how many models went."""
        with self._guard:
            self.journal.note(Kind.OUT_OF_MEMORY, label, detail)
            work = self._settle(self._scheduler.relieve(f"out of memory: {label}"))
        self._carry_out(work)
        return len(work.gone)

    def failure(self, key: str) -> str | None:
        """Return why a model is not loaded just now: its last load failed, and its back-off is not over."""
        return self._scheduler.backoff.refusal(key, time.monotonic())

    def wait_for_dropped(self, timeout: float) -> bool:
        """Wait until no load is under way that nobody waits for, at most so many seconds; tell whether that is so."""
        end = time.monotonic() + timeout
        # Looked at without the lock: whether a load has ended tells the snapshot as well.
        while any(model.loading and model.abandoned for model in self._published.models):
            if time.monotonic() > end:
                return False
            time.sleep(DROP_LOOK_SECONDS)
        return True

    def _settle(self, effects: list[Effect]) -> _Work[R]:
        """Carry out what needs the lock, and return the rest."""
        work: _Work[R] = _Work()
        for effect in effects:
            if isinstance(effect, Grant):
                self._grant(effect.ticket)
            elif isinstance(effect, Refuse):
                self._refuse(effect)
            elif isinstance(effect, Load):
                self._loads[effect.want.model] = Progress(time.monotonic(), 0, effect.want.bytes)
                waiter = self._scheduler.waiting.of(effect.want.model)[0]
                work.loads.append((effect.want, self._functions[waiter.ticket]))
            else:
                work.gone += self._evict(effect)
        self._publish()
        return work

    def _grant(self, number: int) -> None:
        ask = self._scheduler.running[number]
        loaded = self._residents[ask.want.model]
        ask.began = time.monotonic()
        self._longest_wait = max(self._longest_wait, ask.began - ask.since)
        self.journal.note(Kind.MISS if ask.missed else Kind.HIT, ask.want.label)
        self._tickets[number].grant(Lease(loaded.resident, loaded.seconds if ask.missed else None))

    def _refuse(self, effect: Refuse) -> None:
        kind = OutOfMemoryError if effect.exhausted else UserError
        self._tickets[effect.ticket].refuse(kind(effect.sentence))
        self.journal.note(Kind.REFUSAL, "", effect.sentence)

    def _evict(self, effect: Evict) -> list[R]:
        loaded = self._residents.pop(effect.model, None)
        if loaded is None:
            return []
        self.journal.note(Kind.EVICTION, effect.label, effect.reason, size=loaded.bytes)
        return [loaded.resident]

    def _carry_out(self, work: _Work[R]) -> None:
        """Do what needs the lock to be open; whatever fails of it, the rest is done."""
        for resident in work.gone:
            attempt(partial(self._release, resident), LoadDropped)
        for want, function in work.loads:
            thread = threading.Thread(target=self._load, args=(want, function), name="model load", daemon=True)
            failed = attempt(thread.start, OutOfMemoryError)
            if failed is not None:
                self._end_load(want, failed)
        self._guard.catch_up()

    def _load(self, want: Want, function: LoadFunction[R]) -> None:
        progress = self._loads[want.model]

        def tell(done: int, total: int) -> None:
            progress.done, progress.total = done, total

        def cancelled() -> bool:
            record = self._scheduler.models.get(want.model)
            return record is None or record.abandoned

        found: Found[R] = f"The load of {want.label} broke off; try again."
        try:
            found = attempt(partial(run, function, LoadJob(tell, cancelled)), OutOfMemoryError)
        finally:
            # Whatever happened: a load that never ended would keep all others from beginning.
            self._end_load(want, found)

    def _end_load(self, want: Want, found: Found[R]) -> None:
        with self._guard:
            work = self._settle(self._after_load(want, found))
        self._carry_out(work)

    def _after_load(self, want: Want, found: Found[R]) -> list[Effect]:
        now, key = time.monotonic(), want.model
        self._loads.pop(key, None)
        if isinstance(found, LoadDropped):
            return self._scheduler.dropped(key, now)
        if isinstance(found, str | OutOfMemoryError):
            exhausted = isinstance(found, OutOfMemoryError)
            self.journal.note(Kind.FAILURE, want.label, str(found))
            return self._scheduler.failed(key, str(found), now, exhausted=exhausted)
        self._residents[key] = found
        self._rates.loaded(found.bytes, found.seconds)
        self.journal.loaded(want.label, found.bytes, found.seconds, found.how)
        return self._scheduler.loaded(key, found.bytes, now, mapped=found.mapped, device=found.device)

    def _publish(self) -> None:
        self._published = picture(self._scheduler, self._loads, self.journal, self._longest_wait)

    def _after_fork(self) -> None:
        self._guard.renew()
        self._scheduler.reset()
        self._tickets.clear()
        self._functions.clear()
        self._loads.clear()
        self._publish()
