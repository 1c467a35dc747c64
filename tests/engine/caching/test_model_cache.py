"""The cache keeps what is in use, lets the rest go, loads each model once, and answers everybody who waits.

Races are arranged with barriers and events: nothing here depends on how long anything takes.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from microscope.engine.caching.loads import Loaded, LoadFunction, LoadJob
from microscope.engine.caching.model_cache import ModelCache
from microscope.engine.caching.scheduler import Scheduler
from microscope.engine.caching.states import CacheEvent, Kind, LoadDropped, Want
from microscope.engine.caching.ticket import Ticket
from microscope.errors import OutOfMemoryError, UserError

PATIENCE = 20.0


class Model:
    """A model that is only a name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.released = 0


def release(model: Model) -> None:
    model.released += 1


def make(budget: int = 100, **options: object) -> ModelCache[Model]:
    return ModelCache(Scheduler(budget, **options), release)  # type: ignore[arg-type]


def want(key: str, size: int = 40, **fields: object) -> Want:
    return Want(key, key, key.upper(), size, **fields)  # type: ignore[arg-type]


def loads(key: str, size: int = 40) -> LoadFunction[Model]:
    """Return what loads a model at once."""
    return lambda _: Loaded(Model(key), size, seconds=0.25, device="cpu")


def forbidden(_: LoadJob) -> Loaded[Model]:
    raise AssertionError("a hit loads nothing")


class Gate:
    """A load that begins and ends when the test says so."""

    def __init__(self, key: str, size: int = 40) -> None:
        self.key, self.size, self.calls = key, size, 0
        self.begun, self.open = threading.Event(), threading.Event()
        self.dropped = threading.Event()

    def __call__(self, job: LoadJob) -> Loaded[Model]:
        self.calls += 1
        job.progress(self.size // 2, self.size)
        self.begun.set()
        while not self.open.wait(0.01):
            if job.cancelled():
                self.dropped.set()
                raise LoadDropped
        return Loaded(Model(self.key), self.size, seconds=0.5)


def keys(cache: ModelCache[Model]) -> list[str]:
    return [model.key for model in cache.snapshot().models]


def run_together(*calls: Callable[[], None]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)


def test_a_model_is_loaded_once_and_kept() -> None:
    cache = make()
    with cache.lease(want("a"), loads("a")) as first:
        assert first.loaded_in == 0.25
    with cache.lease(want("a"), forbidden) as second:
        assert second.loaded_in is None
        assert second.resident is first.resident


def test_leases_are_counted_while_they_last() -> None:
    cache = make()
    with cache.lease(want("a"), loads("a")), cache.lease(want("a"), forbidden):
        assert [model.leases for model in cache.snapshot().models] == [2]
    (model,) = cache.snapshot().models
    assert (model.key, model.label, model.bytes, model.leases, model.device) == ("a", "A", 40, 0, "cpu")


def test_what_goes_is_released_once() -> None:
    cache = make()
    with cache.lease(want("a"), loads("a")) as lease:
        model = lease.resident
    for key in "bcd":
        with cache.lease(want(key), loads(key)):
            pass
    assert keys(cache) == ["c", "d"]
    assert model.released == 1


def test_a_lease_ends_with_an_error_and_with_a_closed_generator() -> None:
    cache = make()

    def use() -> Iterator[object]:
        with cache.lease(want("a"), loads("a")) as lease:
            yield lease

    steps = use()
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="broken"), cache.lease(want("a"), forbidden):
        raise ValueError("broken")
    assert [model.leases for model in cache.snapshot().models] == [0]


def test_two_that_want_the_same_model_share_one_load() -> None:
    cache, gate, found = make(), Gate("a"), list[object]()

    def use() -> None:
        with cache.lease(want("a"), gate) as lease:
            found.append(lease.resident)

    first = cache.request(want("a"), gate)
    assert gate.begun.wait(PATIENCE)
    second, third = (cache.request(want("a"), gate) for _ in range(2))
    gate.open.set()
    for ticket in (first, second, third):
        assert ticket.lease.resident is first.lease.resident
        assert ticket.lease.loaded_in == 0.5
    assert gate.calls == 1


def test_a_hit_does_not_wait_for_another_models_load() -> None:
    cache, gate = make(), Gate("slow")
    with cache.lease(want("a"), loads("a")):
        pass
    with cache.request(want("slow"), gate) as slow:
        assert gate.begun.wait(PATIENCE)
        with cache.lease(want("a"), forbidden) as lease:
            assert lease.resident.name == "a"
        assert not slow.ready(0)
        gate.open.set()
        assert slow.ready(PATIENCE)


def test_loads_of_different_models_never_overlap() -> None:
    cache, inside, most, guard = make(1000), [0], [0], threading.Lock()
    start = threading.Barrier(8)

    def load(_: LoadJob) -> Loaded[Model]:
        with guard:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        with guard:
            inside[0] -= 1
        return Loaded(Model("x"), 40)

    def use(number: int) -> None:
        start.wait(PATIENCE)
        with cache.lease(want(str(number)), load):
            pass

    run_together(*(lambda number=number: use(number) for number in range(8)))
    assert most == [1]
    assert len(keys(cache)) == 8


def test_a_waiter_who_leaves_while_it_loads_drops_the_load() -> None:
    cache, gate = make(), Gate("a")
    with cache.request(want("a"), gate) as ticket:
        assert gate.begun.wait(PATIENCE)
        assert not ticket.ready(0)
    assert gate.dropped.wait(PATIENCE)
    # The next one has a load of its own.
    with cache.lease(want("a"), loads("a")) as lease:
        assert lease.loaded_in == 0.25
    assert dict(cache.snapshot().counts)["load"] == 1


def test_a_load_that_one_of_two_leaves_goes_on() -> None:
    cache, gate = make(), Gate("a")
    first, second = cache.request(want("a"), gate), cache.request(want("a"), gate)
    assert gate.begun.wait(PATIENCE)
    first.close()
    gate.open.set()
    assert second.ready(PATIENCE)
    assert not gate.dropped.is_set()


def test_a_waiter_who_leaves_the_queue_is_forgotten() -> None:
    cache = make(lanes=1)
    with cache.lease(want("a"), loads("a")):
        gone = cache.request(want("a"), forbidden)
        left = cache.request(want("a"), forbidden)
        assert cache.snapshot().waiting == 2
        gone.close()
        gone.close()
        assert cache.snapshot().waiting == 1
    assert left.ready(PATIENCE)
    left.close()
    assert cache.snapshot().running == 0


def test_a_load_that_fails_is_told_to_all_who_wait_and_leaves_nothing() -> None:
    cache, begun = make(), threading.Barrier(2)

    def fail(_: LoadJob) -> Loaded[Model]:
        begun.wait(PATIENCE)
        raise UserError("A is damaged; copy it again.")

    first, second = (cache.request(want("a"), fail) for _ in range(2))
    begun.wait(PATIENCE)
    for ticket in (first, second):
        with pytest.raises(UserError, match="damaged"):
            ticket.ready(PATIENCE)
    assert keys(cache) == []
    assert cache.snapshot().used == 0
    with pytest.raises(UserError, match="It is tried again in 1 s"), cache.lease(want("a"), forbidden):
        pytest.fail("it failed a moment ago")
    assert "tried again" in str(cache.failure("a"))


def test_a_bug_in_a_load_is_logged_and_shown_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    cache = make()
    with pytest.raises(UserError, match="Something went wrong on our side"), cache.lease(want("a"), forbidden):
        pytest.fail("nothing was loaded")
    assert "a hit loads nothing" in caplog.text


def test_a_request_at_the_moment_of_an_eviction_gets_a_whole_model() -> None:
    """One asks for A just when it goes for B: A is not released under him, he gets a new one."""
    cache, releasing, go_on, freed = make(40), threading.Event(), threading.Event(), list[Model]()

    def slowly(model: Model) -> None:
        releasing.set()
        assert go_on.wait(PATIENCE)
        model.released += 1
        freed.append(model)

    cache._release = slowly
    with cache.lease(want("a"), loads("a")) as lease:
        old = lease.resident
    taking = threading.Thread(target=lambda: cache.request(want("b"), loads("b")).lease)
    taking.start()
    assert releasing.wait(PATIENCE)
    # A is on its way out: no hit.
    assert not cache.holds("a")
    go_on.set()
    taking.join(PATIENCE)
    assert freed == [old]
    assert keys(cache) == ["b"]


@pytest.mark.parametrize("first", ["eviction", "request"])
def test_of_an_eviction_and_a_request_whichever_comes_first_wins(first: str) -> None:
    cache = make(40)
    with cache.lease(want("a"), loads("a")) as lease:
        model = lease.resident
    if first == "request":
        ticket = cache.request(want("a"), forbidden)
        assert not cache.unload("a", "by the owner")
        assert ticket.lease.resident is model
        assert model.released == 0
    else:
        assert cache.unload("a", "by the owner")
        assert cache.request(want("a"), loads("a")).lease.resident is not model
        assert model.released == 1


def test_a_ticket_asked_ahead_loads_and_waits_to_be_promoted() -> None:
    cache, gate = make(lanes=1), Gate("b")
    with cache.lease(want("a"), loads("a")):
        ahead = cache.request(want("b"), gate, eager=False)
        assert gate.begun.wait(PATIENCE)
        gate.open.set()
    assert not ahead.ready(0)
    ahead.promote()
    assert ahead.ready(PATIENCE)
    assert ahead.lease.loaded_in == 0.5
    ahead.close()


def test_progress_reaches_everybody_who_waits() -> None:
    cache, gate = make(lanes=1), Gate("a")
    tickets = [cache.request(want("a"), gate) for _ in range(3)]
    assert gate.begun.wait(PATIENCE)
    for number, ticket in enumerate(tickets):
        status = ticket.status()
        assert status is not None
        assert (status.ahead, status.loading, status.bytes_done, status.bytes_total) == (number, True, 20, 40)
    (model,) = cache.snapshot().models
    assert model.loading
    assert model.progress is not None
    assert (model.progress.done, model.waiting) == (20, 3)
    gate.open.set()
    assert tickets[0].ready(PATIENCE)
    assert tickets[0].status() is None
    status = tickets[1].status()
    assert status is not None
    assert (status.ahead, status.loading, status.bytes_total) == (1, False, 0)


def test_the_snapshot_takes_no_lock() -> None:
    cache = make()
    with cache.lease(want("a"), loads("a")):
        pass
    with cache._guard:
        assert keys(cache) == ["a"]
        assert cache.holds("a")


def test_events_tell_what_happened_in_order() -> None:
    cache, told = make(50), list[CacheEvent]()
    cache.journal.listen(told.append)
    for key in ("a", "a", "b"):
        with cache.lease(want(key), loads(key)):
            pass
    assert [(event.kind, event.label) for event in told] == [
        (Kind.LOAD, "A"),
        (Kind.MISS, "A"),
        (Kind.HIT, "A"),
        (Kind.EVICTION, "A"),
        (Kind.LOAD, "B"),
        (Kind.MISS, "B"),
    ]
    assert told[3].detail == "room for B"


def test_relief_lets_idle_models_go_and_is_noted() -> None:
    cache = make(200)
    with cache.lease(want("used"), loads("used")):
        for key in "ab":
            with cache.lease(want(key), loads(key)):
                pass
        assert cache.relieve("USED", "of 8 GB, 0.1 GB were free") == 2
        assert keys(cache) == ["used"]
    assert cache.snapshot().events[2].kind is Kind.OUT_OF_MEMORY


def test_pins_hold_until_they_are_taken_off() -> None:
    cache = make(50)
    with cache.lease(want("a"), loads("a")):
        pass
    assert cache.pin("a", on=True)
    with pytest.raises(UserError, match="needs"), cache.lease(want("b"), loads("b")):
        pytest.fail("there is no room")
    assert cache.pin("a", on=False)
    with cache.lease(want("b"), loads("b")):
        assert not cache.pin("a", on=True)


def test_models_placed_before_launch_are_hits() -> None:
    cache = make()
    cache.place(want("a", 90), Loaded(Model("a"), 90, device="cuda"))
    with cache.lease(want("a", 90), forbidden) as lease:
        assert lease.loaded_in is None
    (model,) = cache.snapshot().models
    assert (model.placed, model.pinned, model.device) == (True, True, "cuda")
    assert not cache.unload("a", "by the owner")
    assert cache.get("a") is lease.resident
    assert cache.get("b") is None


def test_a_ticket_that_was_closed_has_no_lease() -> None:
    cache = make()
    with cache.request(want("a"), loads("a")) as ticket:
        assert ticket.ready(PATIENCE)
    with pytest.raises(RuntimeError):
        _ = ticket.lease


def test_a_load_for_which_memory_ran_out_may_be_tried_at_once() -> None:
    cache = make()

    def exhaust(_: LoadJob) -> Loaded[Model]:
        raise OutOfMemoryError("A needs 2.00 GB, and memory ran out.")

    with pytest.raises(OutOfMemoryError, match="ran out"), cache.lease(want("a"), exhaust):
        pytest.fail("nothing was loaded")
    assert cache.failure("a") is None
    with cache.lease(want("a"), loads("a")) as lease:
        assert lease.loaded_in == 0.25


def test_what_can_never_fit_is_a_matter_of_memory() -> None:
    with pytest.raises(OutOfMemoryError, match="choose a smaller"), make(10).lease(want("a"), forbidden):
        pytest.fail("there is no room")


def test_a_ticket_that_the_garbage_collector_closes_stops_nobody() -> None:
    """An answer that was given up is finalised in whatever thread makes objects, also in one that has the lock."""
    cache = make()

    class Abandoned:
        def __init__(self) -> None:
            self.itself = self
            self.ticket = cache.request(want("a"), loads("a"))

        def __del__(self) -> None:
            self.ticket.close()

    def give_up() -> None:
        Abandoned().ticket.ready(PATIENCE)

    give_up()

    def collect() -> None:
        with cache._guard:
            gc.collect()

    run_together(collect)
    with cache.lease(want("a"), forbidden) as lease:
        assert lease.resident.name == "a"
    assert [model.leases for model in cache.snapshot().models] == [0]


def test_a_thread_that_cannot_start_fails_the_load_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = make()

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(UserError, match="Something went wrong"), cache.lease(want("a"), loads("a")):
            pytest.fail("nothing was loaded")
    with cache.lease(want("b"), loads("b")) as lease:
        assert lease.resident.name == "b"


def test_a_model_that_cannot_be_let_go_of_keeps_none_from_loading(caplog: pytest.LogCaptureFixture) -> None:
    cache = make(40)
    with cache.lease(want("a"), loads("a")):
        pass

    def fail(_: Model) -> None:
        raise RuntimeError("a hook of somebody's failed")

    cache._release = fail
    with cache.lease(want("b"), loads("b")) as lease:
        assert lease.resident.name == "b"
    assert "a hook of somebody's failed" in caplog.text


def test_a_load_that_was_given_up_is_waited_for() -> None:
    cache, gate = make(), Gate("a")
    assert cache.wait_for_dropped(0)
    ticket = cache.request(want("a"), gate)
    assert gate.begun.wait(PATIENCE)
    assert cache.wait_for_dropped(0), "somebody waits for it"
    ticket.close()
    assert cache.wait_for_dropped(PATIENCE)
    assert keys(cache) == []


# Python 3.12 and later warn of what this test is about.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_has_the_models_but_no_leases_and_an_open_lock() -> None:
    cache, gate = make(), Gate("slow")
    cache.place(want("kept", 10), Loaded(Model("kept"), 10))
    ticket: Ticket[Model] = cache.request(want("slow"), gate)
    assert gate.begun.wait(PATIENCE)
    with cache.lease(want("kept", 10), forbidden), cache._guard:
        child = os.fork()
        if child == 0:
            os._exit(_in_child(cache))
        _, status = os.waitpid(child, 0)
    gate.open.set()
    assert ticket.ready(PATIENCE)
    assert os.waitstatus_to_exitcode(status) == 0
    assert sorted(keys(cache)) == ["kept", "slow"]


def _in_child(cache: ModelCache[Model]) -> int:
    """Return 0 where nothing of the parent's holds the child up; a lock left held would end it by an alarm."""
    signal.alarm(int(PATIENCE))
    if [(model.key, model.leases) for model in cache.snapshot().models] != [("kept", 0)]:
        return 1
    with cache.lease(want("mine", 90), loads("mine", 90)), cache.lease(want("kept"), forbidden):
        return 0 if keys(cache) == ["mine", "kept"] else 2
