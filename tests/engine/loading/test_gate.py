"""The gates keep loads apart, and the moment in which a model is built away from everybody else's tensors."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForImageTextToText, Idefics3ForConditionalGeneration, PreTrainedModel

from microscope.engine.loader import load
from microscope.engine.loading import gate
from microscope.engine.loading.gate import Construction, exclusive, install, loading, renew_gate, undisturbed
from tests.families import local_of

PATIENCE = 120.0
# Long enough to see that a thread waits; it is no synchronisation, a shorter one could only miss a fault.
GLIMPSE = 0.2
LOADS = 10


def started(*works: Callable[[], None]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    return threads


def ended(threads: list[threading.Thread]) -> bool:
    for thread in threads:
        thread.join(PATIENCE)
    return not any(thread.is_alive() for thread in threads)


def waits(lock: Construction) -> threading.Event:
    """Return what is set once a thread waits for the lock."""
    event, wait = threading.Event(), lock._changed.wait

    def told() -> bool:
        event.set()
        return wait()

    lock._changed.wait = told
    return event


def test_whoever_is_undisturbed_waits_while_a_model_is_built(
    checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    local, building, go_on = local_of(checkpoint("idefics3")), threading.Event(), threading.Event()
    inside, dtypes = threading.Event(), []
    real = Idefics3ForConditionalGeneration.__init__

    def slow(*arguments: Any, **options: Any) -> None:
        dtypes.append(torch.get_default_dtype())
        building.set()
        assert go_on.wait(PATIENCE)
        real(*arguments, **options)

    def make() -> None:
        assert building.wait(PATIENCE)
        with undisturbed():
            inside.set()
            dtypes.append(torch.ones(1).dtype)

    monkeypatch.setattr(Idefics3ForConditionalGeneration, "__init__", slow)
    threads = started(lambda: load(local, "cpu", "bfloat16"), make)
    assert building.wait(PATIENCE)
    assert not inside.wait(GLIMPSE)
    go_on.set()
    assert ended(threads)
    assert dtypes == [torch.bfloat16, torch.float32]


def test_whoever_is_undisturbed_holds_out_the_building_and_not_the_rest_of_a_load(
    checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    local, order = local_of(checkpoint("idefics3")), []
    about_to_build, read = threading.Event(), threading.Event()
    context = PreTrainedModel.get_init_context.__func__

    def noted(cls: type[PreTrainedModel], *arguments: Any) -> Any:
        about_to_build.set()
        return context(cls, *arguments)

    real, weights = Idefics3ForConditionalGeneration.__init__, PreTrainedModel._load_pretrained_model

    def build(*arguments: Any, **options: Any) -> None:
        order.append("built")
        real(*arguments, **options)

    def reading(*arguments: Any) -> Any:
        with undisturbed():
            pass
        with_others = threading.Thread(target=share)
        with_others.start()
        with_others.join(PATIENCE)
        assert not with_others.is_alive()
        return weights(*arguments)

    def share() -> None:
        with undisturbed():
            order.append("shared while weights are read")
            read.set()

    monkeypatch.setattr(gate, "_MARK", "_other")
    monkeypatch.setattr(PreTrainedModel, "get_init_context", classmethod(noted))
    monkeypatch.setattr(Idefics3ForConditionalGeneration, "__init__", build)
    monkeypatch.setattr(PreTrainedModel, "_load_pretrained_model", staticmethod(reading))
    with undisturbed():
        threads = started(lambda: load(local, "cpu", "float32"))
        assert about_to_build.wait(PATIENCE)
        assert not read.wait(GLIMPSE)
        order.append("released")
    assert ended(threads)
    assert order == ["released", "built", "shared while weights are read"]


def test_two_loads_never_overlap() -> None:
    start, inside, most = threading.Barrier(4), [], []

    def work() -> None:
        start.wait(PATIENCE)
        for _ in range(50):
            with loading():
                inside.append(None)
                most.append(len(inside))
                inside.pop()

    assert ended(started(*[work] * 4))
    assert set(most) == {1}


def test_tensors_of_whoever_is_undisturbed_have_their_dtype_while_others_load(
    checkpoint: Callable[..., Path],
) -> None:
    local, stop, dtypes, loaded = local_of(checkpoint("idefics3")), threading.Event(), set(), []

    def make() -> None:
        while not stop.is_set():
            with undisturbed():
                dtypes.add(torch.ones(1).dtype)

    def read() -> None:
        loaded.extend(load(local, "cpu", "bfloat16").model.dtype for _ in range(LOADS))
        stop.set()

    assert ended(started(read, make, make))
    assert dtypes == {torch.float32}
    assert loaded == [torch.bfloat16] * LOADS


def test_plain_code_elsewhere_in_the_process_builds_under_the_gate_as_well(checkpoint: Callable[..., Path]) -> None:
    install()
    once = PreTrainedModel.get_init_context.__func__
    install()
    assert PreTrainedModel.get_init_context.__func__ is once
    failures: list[BaseException] = []

    def read() -> None:
        try:
            with undisturbed():
                AutoModelForImageTextToText.from_pretrained(checkpoint("idefics3"))
        except RuntimeError as error:
            failures.append(error)

    assert ended(started(read))
    assert "keeps models from being built" in str(failures[0])
    assert torch.get_default_dtype() is torch.float32


def test_a_thread_may_share_again_while_another_waits_to_be_alone() -> None:
    lock, order = Construction(), []
    waiting = waits(lock)

    def alone() -> None:
        with lock.alone():
            order.append("alone")

    with lock:
        threads = started(alone)
        assert waiting.wait(PATIENCE)
        with lock:
            order.append("again")
        order.append("out")
    assert ended(threads)
    assert order == ["again", "out", "alone"]


def test_who_wants_to_be_alone_comes_before_those_who_share_later() -> None:
    lock, order = Construction(), []
    waiting = waits(lock)

    def alone() -> None:
        with lock.alone():
            order.append("alone")

    def late() -> None:
        with lock:
            order.append("late")

    with lock:
        first = started(alone)
        assert waiting.wait(PATIENCE)
        waiting.clear()
        second = started(late)
        assert waiting.wait(PATIENCE)
        assert order == []
    assert ended([*first, *second])
    assert order == ["alone", "late"]


def test_who_is_alone_may_share_and_be_alone_again() -> None:
    with exclusive(), undisturbed(), exclusive():
        pass
    with undisturbed(), pytest.raises(RuntimeError, match="keeps models from being built"), exclusive():
        pass
    with exclusive():
        pass


def test_sharing_takes_microseconds() -> None:
    shared, times = undisturbed(), []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(1000):
            with shared:
                pass
        times.append(time.perf_counter() - start)
    assert min(times) < 0.02


# Python 3.12 and later warn of what these tests are about.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("sharing", [False, True])
def test_a_forked_child_has_open_gates_and_nothing_replaced(*, sharing: bool) -> None:
    """The thread that forks may be undisturbed itself; another one builds, or waits to, and holds what it holds."""
    held, forked = threading.Event(), threading.Event()

    def build() -> None:
        with loading():
            if sharing:
                held.set()
                with exclusive():
                    return
            with exclusive():
                torch.set_default_dtype(torch.bfloat16)
                held.set()
                forked.wait(PATIENCE)
                torch.set_default_dtype(torch.float32)

    def fork() -> int:
        threads = started(build)
        assert held.wait(PATIENCE)
        child = os.fork()
        if child == 0:
            _in_child()
        _, status = os.waitpid(child, 0)
        forked.set()
        if not sharing:
            assert ended(threads)
        return os.waitstatus_to_exitcode(status)

    if sharing:
        with undisturbed():
            assert fork() == 0
    else:
        assert fork() == 0
    with loading(), undisturbed():
        assert torch.get_default_dtype() is torch.float32


def _in_child() -> None:
    try:
        signal.alarm(int(PATIENCE))
        renew_gate()
        with undisturbed():
            right = torch.ones(1).dtype is torch.float32
        other = started(lambda: loading().__enter__())
        os._exit(0 if right and ended(other) else 1)
    finally:
        os._exit(3)
