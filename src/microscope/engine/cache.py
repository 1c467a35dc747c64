"""Keeps loaded models within a budget of bytes; knows neither how a model is loaded nor what it is used for.

State lives in the process: a forked worker starts from its parent's models with no lease held and fresh locks.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from microscope.engine.loader import Resident, renew_gate
from microscope.errors import UserError


@dataclass
class _Entry:
    resident: Resident
    leases: int = 0
    pinned: bool = False


@dataclass(frozen=True)
class CachedModel:
    """One line of the snapshot: the model's cache key, its bytes, how many lease it now, and whether it is pinned."""

    key: str
    label: str
    bytes: int
    leases: int
    pinned: bool


@dataclass(frozen=True)
class Lease:
    """A model in use: it is not evicted until the lease ends. `loaded_in` is None where it was resident."""

    resident: Resident
    loaded_in: float | None


class ModelCache:
    """A least-recently-used cache of models, bounded in bytes, and in number where asked; in-use is never evicted."""

    def __init__(self, budget: int, *, most: int | None = None) -> None:
        self.budget, self.most = budget, most
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._table, self._gate = threading.Lock(), threading.Lock()
        renew = weakref.WeakMethod(self._after_fork)
        os.register_at_fork(after_in_child=lambda: (method := renew()) and method())

    @contextmanager
    def lease(self, key: str, need: Callable[[], int], load: Callable[[], Resident]) -> Iterator[Lease]:
        """Lease the model of `key`; where it is absent, make room for the bytes that `need` expects, and `load` it.

        A hit asks for neither and waits for no load; of several that want the same model, one loads it. Raises
        `UserError` where the model cannot fit beside those in use.
        """
        entry, loaded_in = self._hold(key), None
        if entry is None:
            with self._gate:
                entry = self._hold(key)
                if entry is None:
                    self._make_room(need())
                    entry = self._keep(key, load())
                    loaded_in = entry.resident.seconds
        try:
            yield Lease(entry.resident, loaded_in)
        finally:
            with self._table:
                entry.leases -= 1

    def add(self, key: str, resident: Resident, *, pinned: bool = True) -> None:
        """Keep a model that was loaded before there were requests, for instance before launch on ZeroGPU."""
        with self._table:
            self._entries[key] = _Entry(resident, pinned=pinned)

    def holds(self, key: str) -> bool:
        """Tell whether the model is resident; a hint for estimates, not a promise."""
        return key in self._entries

    def snapshot(self) -> tuple[CachedModel, ...]:
        """List the resident models, the least recently used first."""
        with self._table:
            return self._list()

    def _list(self) -> tuple[CachedModel, ...]:
        return tuple(
            CachedModel(key, entry.resident.local.spec.label, entry.resident.bytes, entry.leases, entry.pinned)
            for key, entry in self._entries.items()
        )

    def _hold(self, key: str) -> _Entry | None:
        with self._table:
            entry = self._entries.get(key)
            if entry is not None:
                entry.leases += 1
                self._entries.move_to_end(key)
            return entry

    def _keep(self, key: str, resident: Resident) -> _Entry:
        with self._table:
            entry = _Entry(resident, leases=1, pinned=resident.local.spec.pin)
            self._entries[key] = entry
            return entry

    def _make_room(self, need: int) -> None:
        with self._table:
            for key in victims(self._list(), need, self.budget, self.most):
                del self._entries[key]

    def _after_fork(self) -> None:
        self._table, self._gate = threading.Lock(), threading.Lock()
        renew_gate()
        for entry in self._entries.values():
            entry.leases = 0


def victims(models: Sequence[CachedModel], need: int, budget: int, most: int | None = None) -> tuple[str, ...]:
    """Return the keys of the models that must go so that `need` more bytes, and one more model, fit.

    `models` are the least recently used first; those in use and pinned ones stay. The fewest go that the order allows.
    Raises `UserError`, and so evicts nobody, where the bytes cannot fit. `most` is met as far as models are idle.
    """
    used, count = sum(model.bytes for model in models), len(models)
    going: list[CachedModel] = []
    for model in models:
        if used + need <= budget and (most is None or count < most):
            break
        if model.leases == 0 and not model.pinned:
            going.append(model)
            used, count = used - model.bytes, count - 1
    if used + need > budget:
        raise UserError(
            f"This checkpoint needs {need / 1e9:.2f} GB and at most {max(budget - used, 0) / 1e9:.2f} GB of "
            f"{budget / 1e9:.2f} GB can be freed; choose a smaller one, or try again when others are done."
        )
    # A large one that went last may have made room enough for smaller ones before it, the latest used first.
    for model in reversed(going[:-1]):
        if used + model.bytes + need <= budget and (most is None or count + 1 < most):
            going.remove(model)
            used, count = used + model.bytes, count + 1
    return tuple(model.key for model in going)
