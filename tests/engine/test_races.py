"""The races that caches of models lose, each arranged with barriers and events on real models, and none lost here.

Two loads at once, a request at the moment of an eviction, a visitor who leaves in every state, memory that runs out in
the middle of an answer: afterwards answers are right, nobody holds anything, and memory is what it was.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from microscope.engine.answering import Job, Update, answer
from microscope.engine.generate import Finished, Piece, stream
from microscope.engine.models import Models
from microscope.engine.processors import Processors
from microscope.engine.prompts import prepare
from microscope.engine.using import Failed, Loading, Queued, Restarted
from microscope.records import GenerationSettings
from tests.engine.conftest import Loaded
from tests.families import local_of, picture
from tests.keeping import models_of

PATIENCE = 60.0
ROUNDS = 5
SETTINGS = GenerationSettings(max_new_tokens=8)
TIE_WEIGHTS = PreTrainedModel.tie_weights


@pytest.fixture
def job(checkpoint: Callable[..., Path]) -> Callable[..., Job]:
    """Return what makes the job of a family's checkpoint."""
    processors = Processors()

    def make(name: str, seed: int = 0) -> Job:
        local = local_of(checkpoint(name, seed))
        inputs = prepare(processors.get(local), local.spec, picture(), "what is in the image ?", None).inputs
        return Job(local, inputs, SETTINGS)

    return make


@pytest.fixture
def expected(job: Callable[..., Job], loaded: Callable[..., Loaded]) -> Callable[..., list[int]]:
    """Return what answers a job with the model as plain code loads it."""

    def ids(name: str, seed: int = 0) -> list[int]:
        return ids_of(list(stream(loaded(name, seed).model, job(name, seed).inputs, SETTINGS)))

    return ids


def ids_of(updates: list[Any]) -> list[int]:
    """Return the tokens that came since the answer began for the last time."""
    start = max((number for number, update in enumerate(updates) if isinstance(update, Restarted)), default=0)
    return [token for update in updates[start:] if isinstance(update, Piece) for token in update.ids]


def ask(models: Models, job: Job) -> list[Update]:
    return [update for _, update in answer(models, (job,))]


def nobody_is_left(models: Models) -> bool:
    snapshot = models.cache.snapshot()
    return (snapshot.waiting, snapshot.running, sum(one.leases for one in snapshot.models)) == (0, 0, 0)


def run_together(*calls: Callable[[], None]) -> None:
    """Run the calls in threads; what one of them raises is raised here."""
    raised: list[BaseException] = []

    def guarded(call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001  (told below)
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert raised == []


@pytest.mark.parametrize("room", ["for all", "for one"])
def test_concurrent_loads_of_different_models(
    room: str, job: Callable[..., Job], expected: Callable[..., list[int]]
) -> None:
    """Loads that overlap leave half of all models with tensors on meta, and the process poisoned."""
    names = ("idefics3", "llava", "qwen2_5_vl", "gemma3")
    jobs, answers = {name: job(name) for name in names}, {name: expected(name) for name in names}
    budget = 10**9 if room == "for all" else max(one.local.bytes for one in jobs.values()) * 5 // 4
    models, start = models_of(budget, lanes=None), threading.Barrier(len(names))

    def visit(name: str) -> None:
        for _ in range(ROUNDS):
            start.wait(PATIENCE)
            updates = ask(models, jobs[name])
            assert isinstance(updates[-1], Finished), updates[-1]
            assert ids_of(updates) == answers[name]

    run_together(*(lambda name=name: visit(name) for name in names))
    assert nobody_is_left(models)
    assert torch.get_default_dtype() is torch.float32
    assert PreTrainedModel.tie_weights is TIE_WEIGHTS
    if room == "for one":
        assert models.cache.snapshot().used <= budget


def test_a_request_at_the_moment_of_eviction(
    job: Callable[..., Job], expected: Callable[..., list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody asks for A just when A is let go of for B: neither half of a model nor an error comes of it."""
    first, second = job("idefics3"), job("idefics3", seed=1)
    models = models_of(first.local.bytes * 3 // 2, lanes=None)
    assert ids_of(ask(models, first)) == expected("idefics3")
    leaving, asked, real = threading.Event(), threading.Event(), models.loader.release

    def held_up(resident: Any) -> None:
        leaving.set()
        assert asked.wait(PATIENCE)
        real(resident)

    monkeypatch.setattr(models.cache, "_release", held_up)

    def want_another() -> None:
        assert ids_of(ask(models, second)) == expected("idefics3", 1)

    def want_the_same() -> None:
        assert leaving.wait(PATIENCE)
        steps = answer(models, (first,))
        updates = [next(steps)[1]]
        # The old one is on its way out, so this waits for a load of its own.
        assert isinstance(updates[0], Loading | Queued)
        asked.set()
        updates += [update for _, update in steps]
        assert ids_of(updates) == expected("idefics3")

    run_together(want_another, want_the_same)
    assert nobody_is_left(models)


def test_a_cancel_while_waiting(job: Callable[..., Job], expected: Callable[..., list[int]]) -> None:
    models, one = models_of(), job("idefics3")
    with models.lease(one.local):
        steps = answer(models, (one,))
        assert isinstance(next(steps)[1], Queued)
        steps.close()
        assert models.cache.snapshot().waiting == 0
    assert nobody_is_left(models)
    assert ids_of(ask(models, one)) == expected("idefics3")


def test_a_cancel_while_loading(
    job: Callable[..., Job], expected: Callable[..., list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The load sees that nobody waits for it any more, ends early, and leaves nothing."""
    models, one, real = models_of(), job("idefics3"), models_of().loader.load
    begun, dropped = threading.Event(), threading.Event()

    def held_up(*arguments: Any, cancelled: Callable[[], bool], **options: Any) -> Any:
        begun.set()
        while not cancelled():
            threading.Event().wait(0.001)
        try:
            return real(*arguments, cancelled=cancelled, **options)
        finally:
            dropped.set()

    monkeypatch.setattr(models.loader, "load", held_up)
    steps = answer(models, (one,))
    assert isinstance(next(steps)[1], Loading)
    assert begun.wait(PATIENCE)
    steps.close()
    assert dropped.wait(PATIENCE)
    monkeypatch.undo()
    assert ids_of(ask(models, one)) == expected("idefics3")
    assert nobody_is_left(models)
    assert dict(models.cache.snapshot().counts)["load"] == 1


def test_a_cancel_while_generating(job: Callable[..., Job], expected: Callable[..., list[int]]) -> None:
    models, one, other = models_of(), job("idefics3"), job("llava")
    steps = answer(models, (one, other))
    while not isinstance(next(steps)[1], Piece):
        pass
    steps.close()
    assert nobody_is_left(models)
    for name, again in (("idefics3", one), ("llava", other)):
        assert ids_of(ask(models, again)) == expected(name)


@pytest.mark.parametrize("times", [1, 2], ids=["once", "for good"])
@pytest.mark.parametrize("at", [1, 2, 5])
def test_memory_runs_out_at_the_kth_token(
    at: int, times: int, job: Callable[..., Job], expected: Callable[..., list[int]]
) -> None:
    """The next request is fine, and what the failed pass had made is gone without the garbage collector."""
    models, one, left, passes = models_of(), job("idefics3"), [times], [0]
    assert ids_of(ask(models, one)) == expected("idefics3")

    def run_out(*_: object) -> None:
        passes[0] += 1
        if left[0] and passes[0] == at:
            left[0], passes[0] = left[0] - 1, 0
            # In the middle of a pass: its tensors are in the frames of the error.
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    with models.lease(one.local) as lease:
        hook = lease.resident.model.get_input_embeddings().register_forward_hook(run_out)
    with without_gc():
        before = live_bytes()
        updates = ask(models, one)
        assert isinstance(updates[-1], Finished if times == 1 else Failed)
        del updates
        assert live_bytes() == before
        hook.remove()
        assert ids_of(ask(models, one)) == expected("idefics3")
        assert live_bytes() == before
    assert nobody_is_left(models)


@contextmanager
def without_gc() -> Iterator[None]:
    """Keep the garbage collector from freeing what reference counts have not freed."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def live_bytes() -> int:
    """Return the bytes of all tensors in this process, each storage once."""
    storages = {}
    for thing in gc.get_objects():
        if type(thing) in (torch.Tensor, torch.nn.Parameter) and not thing.is_meta:
            storage = thing.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())
