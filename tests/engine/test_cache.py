"""The cache keeps what is in use, lets the rest go in the right order, and loads each model once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from microscope.catalog.spec import ModelSpec
from microscope.engine import loader
from microscope.engine.cache import CachedModel, ModelCache, victims
from microscope.engine.files import LocalCheckpoint
from microscope.engine.loader import Resident
from microscope.errors import UserError

PATIENCE = 20.0


def resident(key: str, size: int, *, pin: bool = False) -> Resident:
    """Return a loaded model that says it has a size; the cache looks at nothing else."""
    here = Path(key)
    local = LocalCheckpoint(ModelSpec(key, key.upper(), key, pin=pin), here, here, None, "", "", (), size)
    return Resident(local, torch.nn.Linear(1, 1), size, 0.25)


def loads(key: str, size: int, *, pin: bool = False) -> tuple[str, Callable[[], int], Callable[[], Resident]]:
    """Return the arguments of a lease."""
    return key, lambda: size, lambda: resident(key, size, pin=pin)


def forbidden() -> int:
    pytest.fail("a hit asks for nothing")


def keys(cache: ModelCache) -> list[str]:
    return [model.key for model in cache.snapshot()]


def test_a_model_is_loaded_once_and_kept() -> None:
    cache = ModelCache(100)
    with cache.lease(*loads("a", 40)) as first:
        assert first.loaded_in == 0.25
    with cache.lease("a", forbidden, forbidden) as second:
        assert second.loaded_in is None
        assert second.resident is first.resident


def test_leases_are_counted_while_they_last() -> None:
    cache = ModelCache(100)
    with cache.lease(*loads("a", 40)), cache.lease(*loads("a", 40)):
        assert [model.leases for model in cache.snapshot()] == [2]
    assert cache.snapshot() == (CachedModel("a", "A", 40, 0, pinned=False),)


def test_the_least_recently_used_goes_first() -> None:
    cache = ModelCache(100)
    for key in ("a", "b", "a"):
        with cache.lease(*loads(key, 40)):
            pass
    with cache.lease(*loads("c", 40)):
        assert keys(cache) == ["a", "c"]


def test_what_is_in_use_or_pinned_stays() -> None:
    cache = ModelCache(100)
    with cache.lease(*loads("pinned", 30, pin=True)):
        pass
    with cache.lease(*loads("used", 30)):
        with cache.lease(*loads("idle", 30)):
            pass
        with cache.lease(*loads("new", 30)):
            assert keys(cache) == ["pinned", "used", "new"]


def test_what_cannot_fit_evicts_nobody_and_says_the_numbers() -> None:
    cache = ModelCache(3 * 10**9)
    with cache.lease(*loads("idle", 10**9)):
        pass
    refused = pytest.raises(UserError, match=r"2\.50 GB and at most 2\.00 GB of 3\.00")
    with cache.lease(*loads("used", 10**9)), refused, cache.lease("big", lambda: 2_500_000_000, forbidden):
        pytest.fail("there is no room")
    assert keys(cache) == ["idle", "used"]


def test_no_more_than_so_many_models_stay() -> None:
    cache = ModelCache(1000, most=2)
    for key in ("a", "b", "c"):
        with cache.lease(*loads(key, 1)):
            pass
    assert keys(cache) == ["b", "c"]


def test_a_load_that_fails_leaves_nothing_behind() -> None:
    cache = ModelCache(100)

    def fail() -> Resident:
        raise UserError("The file is damaged.")

    with pytest.raises(UserError, match="damaged"), cache.lease("a", lambda: 10, fail):
        pytest.fail("nothing was loaded")
    assert cache.snapshot() == ()
    with cache.lease(*loads("a", 10)) as lease:
        assert lease.loaded_in is not None


def test_a_lease_ends_with_an_error_and_with_a_closed_generator() -> None:
    cache = ModelCache(100)

    def use() -> object:
        with cache.lease(*loads("a", 10)) as lease:
            yield lease

    steps = use()
    next(steps)
    steps.close()
    with pytest.raises(ValueError, match="broken"), cache.lease(*loads("a", 10)):
        raise ValueError("broken")
    assert [model.leases for model in cache.snapshot()] == [0]


class WatchedCache(ModelCache):
    """A cache that tells when it was asked for a model for the third time and did not have it."""

    def __init__(self, budget: int) -> None:
        super().__init__(budget)
        self.missed, self.thrice = [], threading.Event()

    def _hold(self, key: str) -> object:
        entry = super()._hold(key)
        if entry is None:
            self.missed.append(key)
            if len(self.missed) == 3:
                self.thrice.set()
        return entry


def test_two_that_want_the_same_model_share_one_load() -> None:
    cache, calls, found = WatchedCache(100), [], []

    def load() -> Resident:
        calls.append(1)
        # Whoever loads looks twice; the third look is that of the other one, who has to wait.
        assert cache.thrice.wait(PATIENCE)
        return resident("a", 10)

    def use() -> None:
        with cache.lease("a", lambda: 10, load) as lease:
            found.append(lease)

    run_together(use, use)
    assert len(calls) == 1
    assert found[0].resident is found[1].resident
    assert sorted(lease.loaded_in is None for lease in found) == [False, True]


def test_a_hit_does_not_wait_for_another_models_load() -> None:
    cache, loading, used = ModelCache(100), threading.Barrier(2), threading.Event()
    with cache.lease(*loads("resident", 10)):
        pass

    def slow() -> Resident:
        loading.wait(PATIENCE)
        # The load ends only after the hit was served.
        assert used.wait(PATIENCE)
        return resident("slow", 10)

    def load() -> None:
        with cache.lease("slow", lambda: 10, slow):
            pass

    def hit() -> None:
        loading.wait(PATIENCE)
        with cache.lease("resident", forbidden, forbidden):
            used.set()

    run_together(load, hit)
    assert sorted(keys(cache)) == ["resident", "slow"]


def test_models_added_before_launch_are_pinned() -> None:
    cache = ModelCache(100)
    cache.add("placed", resident("placed", 90))
    with pytest.raises(UserError, match="needs"), cache.lease(*loads("other", 20)):
        pytest.fail("there is no room")
    with cache.lease("placed", forbidden, forbidden) as lease:
        assert lease.loaded_in is None


def test_holds_tells_what_is_resident() -> None:
    cache = ModelCache(100)
    cache.add("a", resident("a", 1))
    assert cache.holds("a")
    assert not cache.holds("b")


# Python 3.12 and later warn of what this test is about.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_has_the_models_but_no_leases_and_open_locks() -> None:
    cache, holding, forked = ModelCache(100), threading.Barrier(2), threading.Event()
    cache.add("kept", resident("kept", 10), pinned=False)

    def slow() -> Resident:
        holding.wait(PATIENCE)
        assert forked.wait(PATIENCE)
        return resident("slow", 10)

    def load() -> None:
        with cache.lease("slow", lambda: 10, slow):
            pass

    thread = threading.Thread(target=load)
    thread.start()
    with cache.lease("kept", forbidden, forbidden), loader._GATE.lock:
        holding.wait(PATIENCE)
        child = os.fork()
        if child == 0:
            os._exit(_in_child(cache))
        _, status = os.waitpid(child, 0)
        forked.set()
    thread.join(PATIENCE)
    assert os.waitstatus_to_exitcode(status) == 0
    assert sorted(keys(cache)) == ["kept", "slow"]


def _in_child(cache: ModelCache) -> int:
    """Return 0 where nothing of the parent's holds the child up; a lock left held would end it by an alarm."""
    signal.alarm(int(PATIENCE))
    if [(model.key, model.leases) for model in cache.snapshot()] != [("kept", 0)]:
        return 1
    if not loader._GATE.lock.acquire(blocking=False):
        return 3
    with cache.lease(*loads("mine", 95)):
        return 0 if keys(cache) == ["mine"] else 2


def run_together(*calls: Callable[[], None]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)


def model(key: str, size: int, *, leases: int = 0, pinned: bool = False) -> CachedModel:
    return CachedModel(key, key, size, leases, pinned)


@pytest.mark.parametrize(
    ("models", "need", "most", "expected"),
    [
        ([model("a", 50)], 50, None, ()),
        ([model("a", 50), model("b", 50)], 1, None, ("a",)),
        ([model("a", 50), model("b", 50)], 60, None, ("a", "b")),
        ([model("small", 10), model("large", 90)], 60, None, ("large",)),
        ([model("a", 10), model("b", 10), model("large", 80)], 80, None, ("large",)),
        ([model("a", 10, leases=1), model("b", 90)], 60, None, ("b",)),
        ([model("a", 10, pinned=True), model("b", 90)], 60, None, ("b",)),
        ([model("a", 1), model("b", 1)], 1, 2, ("a",)),
        ([model("a", 1, leases=1), model("b", 1, leases=1)], 1, 2, ()),
    ],
)
def test_victims(models: list[CachedModel], need: int, most: int | None, expected: tuple[str, ...]) -> None:
    assert victims(models, need, 100, most) == expected


@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 1), st.booleans()), max_size=6),
    st.integers(1, 120),
    st.one_of(st.none(), st.integers(1, 6)),
)
def test_victims_make_room_spare_who_must_stay_and_are_all_needed(
    drawn: list[tuple[int, int, bool]], need: int, most: int | None
) -> None:
    models = [model(str(n), size, leases=leases, pinned=pinned) for n, (size, leases, pinned) in enumerate(drawn)]
    idle = [one for one in models if one.leases == 0 and not one.pinned]
    must_stay = sum(one.bytes for one in models) - sum(one.bytes for one in idle)
    if must_stay + need > 100:
        with pytest.raises(UserError):
            victims(models, need, 100, most)
        return
    going = victims(models, need, 100, most)
    assert set(going) <= {one.key for one in idle}
    kept = [one for one in models if one.key not in going]
    assert fits(kept, need, most) or len(kept) == len(models) - len(idle)
    for key in going:
        spared = [*kept, next(one for one in models if one.key == key)]
        assert not fits(spared, need, most)


def fits(kept: list[CachedModel], need: int, most: int | None) -> bool:
    return sum(one.bytes for one in kept) + need <= 100 and (most is None or len(kept) < most)
