"""Decides whose turn it is, what is loaded next and what goes for it; starts nothing, reads no clock, takes no lock.

It is told what happened and when, and returns the effects to carry out, in their order. At every step:

1. Only one model loads at a time: that of the oldest use which has none. Uses of the same model share the load.
2. Room for it is made by models that nobody uses, the least recently used first. Those that somebody waits for are
   spared, unless the asker has run out of patience and is older.
3. A use whose model is in memory begins, the oldest first, while a lane is free and nobody runs another variant of the
   model. Uses of models that are ready so pass those that wait for a load: A B A B becomes A A B B.
4. Who has waited longer than `patience` for a load that cannot begin is passed no more: nobody younger begins until
   the uses that are in the way have ended and the load has begun. So a wait is bounded by the patience, the load and
   the uses that are under way then, and the loads and uses of everybody older.
5. What is only asked ahead (`eager` false) comes after all that, makes room by models that nobody waits for, and
   begins nothing.
6. What cannot fit even when everything that is not pinned has gone is refused at once. A load that failed is refused
   to all who waited for it, and not tried again until its back-off is over.
"""

from __future__ import annotations

from collections.abc import Iterator

from microscope.engine.caching.backoff import Backoff
from microscope.engine.caching.policy import freeable, victims
from microscope.engine.caching.queue import Ask, Queue
from microscope.engine.caching.states import Effect, Evict, Grant, Load, Record, Refuse, Want

ROOM = "room for {label}"
TOO_LARGE = (
    "{label} needs {need:.2f} GB and at most {free:.2f} GB of {budget:.2f} GB can be freed; choose a smaller "
    "checkpoint."
)
UNWANTED, LARGER = "nobody waited for it any more", "larger than expected"


class Scheduler:
    """The state of the cache and every decision about it; bytes are those of weights, times of any one clock.

    `lanes` bounds how many uses run at once (None: any number), `most` the number of models, `most_waiting` the queue.
    `working` are bytes kept free beside the budget for what runs: what uses reserve beyond them shrinks the budget.
    """

    def __init__(
        self,
        budget: int,
        *,
        working: int = 0,
        most: int | None = None,
        lanes: int | None = None,
        patience: float = 30.0,
        most_waiting: int | None = None,
    ) -> None:
        self.budget, self.working, self.most = budget, working, most
        self.lanes, self.patience, self.most_waiting = lanes, patience, most_waiting
        self.models: dict[str, Record] = {}
        self.waiting = Queue()
        self.running: dict[int, Ask] = {}
        self.backoff = Backoff()
        self._sizes: dict[str, int] = {}
        self._tickets = 0

    def ask(self, want: Want, now: float, *, eager: bool = True) -> tuple[int, list[Effect]]:
        """Queue a use and return its ticket, which stays valid until `end`."""
        self._tickets += 1
        ticket = self._tickets
        refusal = self._refusal(want, now, eager=eager)
        if refusal is not None:
            return ticket, [Refuse(ticket, refusal)]
        record = self.models.get(want.model)
        self.waiting.add(Ask(ticket, want, now, eager, missed=record is None or record.loading))
        if record is not None:
            # Whoever left this load, here is somebody who wants it.
            record.abandoned = False
        return ticket, self.step(now)

    def promote(self, ticket: int, now: float) -> list[Effect]:
        """Let what was asked ahead take its turn, and wait for it from now on."""
        ask = self.waiting.get(ticket)
        if ask is None or ask.eager:
            return []
        ask.eager, ask.since = True, now
        return self.step(now)

    def end(self, ticket: int, now: float) -> list[Effect]:
        """End a use, whether it runs, waits or was refused; a load that nobody waits for any more is abandoned."""
        ask = self.running.pop(ticket, None)
        if ask is not None:
            record = self.models.get(ask.want.model)
            if record is not None:
                record.leases -= 1
                record.last_used = now
            return self.step(now)
        ask = self.waiting.remove(ticket)
        if ask is None:
            return []
        record = self.models.get(ask.want.model)
        if record is not None and record.loading:
            record.abandoned = not self.waiting.of(record.key)
        return self.step(now)

    def loaded(self, key: str, size: int, now: float, *, mapped: int = 0, device: str = "") -> list[Effect]:
        """Take in a loaded model, `size` its measured bytes; it goes at once where it is unwanted or too large."""
        record = self.models[key]
        self.backoff.succeeded(key)
        self._sizes[key] = size
        others = [one for one in self.models.values() if one is not record]
        going = victims(others, size, self.budget, self.most, self._wanted())
        going = victims(others, size, self.budget, self.most) if going is None else going
        if record.abandoned or going is None:
            del self.models[key]
            # Who waited waits on: with the measured size, for what is in use to end, or to be refused.
            return [Evict(key, UNWANTED if record.abandoned else LARGER, record.label), *self.step(now)]
        record.loading, record.bytes, record.mapped, record.device = False, size, mapped, device
        record.last_used = now
        return [*self._evict(going, ROOM.format(label=record.label)), *self.step(now)]

    def failed(self, key: str, sentence: str, now: float, *, exhausted: bool = False) -> list[Effect]:
        """Refuse everybody who waited for a load that failed, and do not try it again for a while.

        One for which memory was `exhausted` has no fault of its own, and may be tried again at once.
        """
        del self.models[key]
        if not exhausted:
            self.backoff.failed(key, sentence, now)
        return [*self._refuse_all(self.waiting.of(key), sentence, exhausted=exhausted), *self.step(now)]

    def dropped(self, key: str, now: float) -> list[Effect]:
        """Note that an abandoned load has ended early; who came since then waits for a new one."""
        del self.models[key]
        return self.step(now)

    def place(self, want: Want, size: int, now: float, *, device: str = "") -> None:
        """Take in a model that was loaded for good before there were uses."""
        record = Record(want.model, want.label, size, now, pinned=True, placed=True, device=device, names={want.name})
        self.models[want.model] = record

    def pin(self, key: str, now: float, *, on: bool) -> list[Effect]:
        """Keep a model in memory whatever comes, or no longer."""
        self.models[key].pinned = on
        return self.step(now)

    def grow(self, key: str, size: int) -> list[Effect] | None:
        """Let a model take so many bytes from now on; None, and nothing changes, where others cannot make room.

        A load that is under way is not in its way: what it has loaded is measured against what is there then.
        """
        record = self.models[key]
        others = [one for one in self.models.values() if one is not record and not one.loading]
        going = victims(others, size, self.budget, None, self._wanted())
        going = victims(others, size, self.budget) if going is None else going
        if going is None:
            return None
        record.bytes = size
        return self._evict(going, ROOM.format(label=record.label))

    def unload(self, key: str, reason: str, now: float) -> list[Effect]:
        """Let go of a model that is ready and that nobody uses; others stay."""
        record = self.models.get(key)
        if record is None or record.loading or record.leases or record.placed:
            return []
        return [*self._evict((key,), reason), *self.step(now)]

    def relieve(self, reason: str) -> list[Effect]:
        """Let go of everything that nobody uses and that is not pinned: memory has run out."""
        idle = [one.key for one in self.models.values() if not (one.loading or one.leases or one.pinned)]
        return self._evict(tuple(idle), reason)

    def reset(self) -> None:
        """Forget uses and loads: in a forked child their threads do not exist."""
        self.waiting.clear()
        self.running.clear()
        for record in list(self.models.values()):
            record.leases = 0
            if record.loading:
                del self.models[record.key]

    def step(self, now: float) -> list[Effect]:
        """Return what can begin now: the next load, and uses of models that are ready."""
        return [*self._next_load(now), *self._begin(now)]

    def used(self) -> int:
        """Return the bytes of all models, those being loaded included."""
        return sum(record.bytes for record in self.models.values())

    def _next_load(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        if any(record.loading for record in self.models.values()):
            return effects
        for ask in (*self.waiting.eager(), *self.waiting.ahead_of_time()):
            if ask.want.model in self.models:
                continue
            tried = self._try_load(ask, now)
            effects += tried
            if not isinstance(next(iter(tried), None), Refuse):
                # It loads; or it has to wait for room, and nobody younger takes that.
                break
        return effects

    def _try_load(self, ask: Ask, now: float) -> list[Effect]:
        """Return the load with what goes for it, a refusal, or nothing where those in use have to end first."""
        want, models = ask.want, list(self.models.values())
        need = self._sizes.get(want.model, want.bytes)
        if need + sum(record.bytes for record in models if record.pinned) > self.budget:
            return self._refuse_all([ask], self._too_large(want.label, need), exhausted=True)
        spare = self._spared(ask, now)
        going = victims(models, need + self._overflow(want.reserve), self.budget, self.most, spare)
        if going is None:
            # Beside others there is no room for all that it reserves; alone there may be.
            going = victims(models, need, self.budget, self.most, spare)
        if going is None:
            return []
        record = Record(want.model, want.label, need, now, loading=True, pinned=want.pin, names={want.name})
        self.models[want.model] = record
        return [*self._evict(going, ROOM.format(label=want.label)), Load(want)]

    def _begin(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        while self.lanes is None or len(self.running) < self.lanes:
            ask = next(self._ready(now), None)
            if ask is None:
                break
            self.waiting.remove(ask.ticket)
            effects += self._make_working_room(ask.want)
            record = self.models[ask.want.model]
            record.leases += 1
            record.last_used, record.variant = now, ask.want.variant
            # Not again at every use: the owner may have unpinned it.
            record.pinned = record.pinned or (ask.want.pin and ask.want.name not in record.names)
            record.names.add(ask.want.name)
            self.running[ask.ticket] = ask
            effects.append(Grant(ask.ticket))
        return effects

    def _ready(self, now: float) -> Iterator[Ask]:
        stuck = self._stuck(now)
        for ask in self.waiting.eager():
            if stuck is not None and ask.age > stuck.age:
                return
            record = self.models.get(ask.want.model)
            if record is not None and not record.loading and not _runs_another(record, ask.want):
                yield ask

    def _stuck(self, now: float) -> Ask | None:
        """Return the oldest use that lost patience and can neither begin nor load while those in use go on."""
        loading = any(record.loading for record in self.models.values())
        for ask in self.waiting.eager():
            if now - ask.since < self.patience:
                return None
            record = self.models.get(ask.want.model)
            if (record is None and not loading) or (record is not None and _runs_another(record, ask.want)):
                return ask
        return None

    def _make_working_room(self, want: Want) -> list[Effect]:
        """Let idle models go where what the use reserves does not fit beside them; it begins in any case."""
        need = self._overflow(want.reserve)
        if need == 0 or self.used() + need <= self.budget:
            return []
        others = [record for record in self.models.values() if record.key != want.model]
        going = victims(others, self.models[want.model].bytes + need, self.budget, None, self._wanted())
        if going is None:
            wanted = self._wanted()
            idle = (one for one in others if not (one.leases or one.pinned or one.key in wanted))
            going = tuple(one.key for one in idle)
        return self._evict(going, f"working memory for {want.label}")

    def _overflow(self, reserve: int) -> int:
        reserved = sum(ask.want.reserve for ask in self.running.values()) + reserve
        return max(0, reserved - self.working)

    def _spared(self, ask: Ask, now: float) -> set[str]:
        """Return the models that must stay for those who wait for them."""
        impatient = ask.eager and now - ask.since >= self.patience
        return {one.want.model for one in self.waiting.eager() if not impatient or one.age < ask.age}

    def _wanted(self) -> set[str]:
        loading = {record.key for record in self.models.values() if record.loading}
        return loading | {ask.want.model for ask in self.waiting.eager()}

    def _evict(self, keys: tuple[str, ...], reason: str) -> list[Effect]:
        return [Evict(key, reason, self.models.pop(key).label) for key in keys]

    def _refusal(self, want: Want, now: float, *, eager: bool) -> str | None:
        waiting = len(self.waiting.eager()) if eager else 0
        if self.most_waiting is not None and waiting >= self.most_waiting:
            return f"{waiting} requests are waiting already, and no more can; try again in a minute."
        return None if want.model in self.models else self.backoff.refusal(want.model, now)

    def _refuse_all(self, asks: list[Ask], sentence: str, *, exhausted: bool = False) -> list[Effect]:
        for ask in asks:
            self.waiting.remove(ask.ticket)
        return [Refuse(ask.ticket, sentence, exhausted) for ask in asks]

    def _too_large(self, label: str, need: int) -> str:
        free = freeable([record for record in self.models.values() if record.pinned], self.budget)
        return TOO_LARGE.format(label=label, need=need / 1e9, free=free / 1e9, budget=self.budget / 1e9)


def _runs_another(record: Record, want: Want) -> bool:
    return record.leases > 0 and record.variant != want.variant
