"""The task behind the door answers one job after another, in plain data, and one that fails leaves the others."""

from __future__ import annotations

import pickle
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from microscope.engine.answering import Exhausted, Job, Update, answer
from microscope.engine.caching.states import Kind
from microscope.engine.generate import Finished, Piece, stream
from microscope.engine.models import Models
from microscope.engine.processors import Processors
from microscope.engine.prompts import prepare
from microscope.engine.using import Failed, Loading, Queued, Ready, Restarted
from microscope.engine.weights import resident_bytes
from microscope.records import GenerationSettings
from tests.engine.conftest import Loaded
from tests.families import local_of, picture
from tests.keeping import models_of

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

PATIENCE = 20.0
SETTINGS = GenerationSettings(max_new_tokens=8)


@pytest.fixture
def models() -> Models:
    return models_of()


@pytest.fixture
def job(checkpoint: Callable[..., Path]) -> Callable[..., Job]:
    """Return what makes the job of a family's checkpoint."""
    processors = Processors()

    def make(name: str, seed: int = 0, folder: Path | None = None) -> Job:
        local = local_of(folder or checkpoint(name, seed))
        inputs = prepare(processors.get(local), local.spec, picture(), "what is in the image ?", None).inputs
        return Job(local, inputs, SETTINGS)

    return make


def updates_of(number: int, updates: list[tuple[int, Update]]) -> list[Update]:
    return [update for job, update in updates if job == number]


def ids_of(updates: list[Update]) -> list[int]:
    return [token for update in updates if isinstance(update, Piece) for token in update.ids]


def test_a_job_is_loaded_and_answered(models: Models, job: Callable[..., Job], loaded: Callable[..., Loaded]) -> None:
    one = job("idefics3")
    loading, *rest = updates_of(0, list(answer(models, (one,))))
    ready, *pieces, finished = (update for update in rest if not isinstance(update, Loading))
    assert isinstance(loading, Loading)
    assert (loading.bytes, loading.ahead) == (resident_bytes(one.local.weights, "float32"), 0)
    assert isinstance(ready, Ready)
    assert (ready.device, ready.dtype, ready.attention) == ("cpu", "float32", "sdpa")
    assert ready.loaded_in is not None
    assert ready.loaded_in > 0
    assert isinstance(finished, Finished)
    expected = ids_of(list(stream(loaded("idefics3").model, one.inputs, SETTINGS)))
    assert ids_of(pieces) == expected


def test_a_resident_model_is_not_loaded(models: Models, job: Callable[..., Job]) -> None:
    list(answer(models, (job("idefics3"),)))
    ready, *_ = updates_of(0, list(answer(models, (job("idefics3"),))))
    assert isinstance(ready, Ready)
    assert ready.loaded_in is None


def test_jobs_are_answered_one_after_another(models: Models, job: Callable[..., Job]) -> None:
    jobs = (job("idefics3"), job("llava"), job("idefics3", seed=1))
    updates = list(answer(models, jobs))
    numbers = [number for number, _ in updates]
    assert numbers == sorted(numbers)
    assert [type(updates_of(number, updates)[-1]) for number in range(3)] == [Finished] * 3
    alone = [ids_of(updates_of(0, list(answer(models, (one,))))) for one in jobs]
    assert [ids_of(updates_of(number, updates)) for number in range(3)] == alone


def test_a_job_that_fails_leaves_the_others(
    models: Models, job: Callable[..., Job], checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoint("idefics3"), tmp_path / "damaged")
    damaged = job("idefics3", folder=folder)
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:5000])
    gone = job("idefics3", folder=shutil.copytree(checkpoint("idefics3"), tmp_path / "gone"))
    shutil.rmtree(tmp_path / "gone")
    updates = list(answer(models, (damaged, gone, job("llava"))))
    last = [updates_of(number, updates)[-1] for number in range(3)]
    assert isinstance(last[0], Failed)
    assert "damaged has a damaged weight file" in last[0].message
    assert isinstance(last[1], Failed)
    assert "gone is incomplete: model.safetensors is missing" in last[1].message
    assert isinstance(last[2], Finished)
    assert all(model.leases == 0 for model in models.cache.snapshot().models)


def test_a_model_that_does_not_fit_the_memory_is_told(job: Callable[..., Job]) -> None:
    (failed,) = updates_of(0, list(answer(models_of(1000), (job("idefics3"),))))
    assert isinstance(failed, Failed)
    assert "choose a smaller checkpoint" in failed.message


class Exhaustion:
    """Runs out of memory at a forward pass of one model, so often."""

    def __init__(self, models: Models, job: Job, at: int, times: int) -> None:
        self.left, self.at, self.passes = times, at, 0
        with models.lease(job.local) as lease:
            self.hook = lease.resident.model.register_forward_pre_hook(self)

    def __call__(self, *_: object) -> None:
        self.passes += 1
        if self.left and self.passes == self.at:
            self.left, self.passes = self.left - 1, 0
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize("at", [1, 4])
def test_where_memory_runs_out_others_go_and_the_answer_begins_again(
    at: int, models: Models, job: Callable[..., Job]
) -> None:
    one, other = job("idefics3"), job("llava")
    expected = ids_of(updates_of(0, list(answer(models, (one, other)))))
    Exhaustion(models, one, at, 1)
    updates = updates_of(0, list(answer(models, (one,))))
    again = next(number for number, update in enumerate(updates) if isinstance(update, Restarted))
    assert bool(ids_of(updates[:again])) == (at > 1)
    assert ids_of(updates[again:]) == expected
    assert isinstance(updates[-1], Finished)
    assert not models.holds(other.local)
    assert [event.kind.value for event in models.cache.snapshot().events][:2] == ["eviction", "out of memory"]


def test_where_it_runs_out_again_the_numbers_are_told_and_the_next_one_answers(
    models: Models, job: Callable[..., Job]
) -> None:
    one = job("idefics3")
    exhaustion = Exhaustion(models, one, 3, 2)
    updates = list(answer(models, (one, job("llava"))))
    failed = updates_of(0, updates)[-1]
    assert isinstance(failed, Failed)
    assert "idefics3-0 ran out of memory on cpu although everything else was let go (" in failed.message
    assert "GB free" in failed.message
    assert isinstance(updates_of(1, updates)[-1], Finished)
    assert all(model.leases == 0 for model in models.cache.snapshot().models)
    exhaustion.hook.remove()
    assert isinstance(updates_of(0, list(answer(models, (one,))))[-1], Finished)


def test_a_picture_that_may_shrink_is_asked_for_smaller(models: Models, job: Callable[..., Job]) -> None:
    one = replace(job("idefics3"), may_shrink=True)
    Exhaustion(models, one, 1, 2)
    last = updates_of(0, list(answer(models, (one,))))[-1]
    assert isinstance(last, Exhausted)
    assert "ran out of memory" in last.message


def test_a_small_model_that_has_no_room_answers_on_the_cpu(models: Models, job: Callable[..., Job]) -> None:
    one = job("idefics3")
    expected = ids_of(updates_of(0, list(answer(models, (one,)))))
    Exhaustion(models, one, 2, 2)
    spare = models_of()
    updates = updates_of(0, list(answer(replace(models, spare=spare), (one,))))
    last = max(number for number, update in enumerate(updates) if isinstance(update, Restarted))
    assert ids_of(updates[last:]) == expected
    assert dict(spare.cache.snapshot().counts)["load"] == 1


def test_a_load_that_memory_runs_out_for_is_tried_once_more(
    models: Models, job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, real, calls = job("idefics3"), job("llava"), models.loader.load, []
    list(answer(models, (other,)))

    def once(*arguments: Any, **options: Any) -> object:
        calls.append(1)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return real(*arguments, **options)

    monkeypatch.setattr(models.loader, "load", once)
    assert isinstance(updates_of(0, list(answer(models, (one,))))[-1], Finished)
    assert not models.holds(other.local)
    models.cache.unload(models.key(one.local), "for the test")

    def never(*_: object, **__: object) -> object:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")

    monkeypatch.setattr(models.loader, "load", never)
    failed = updates_of(0, list(answer(models, (one,))))[-1]
    assert isinstance(failed, Failed)
    assert "idefics3-0 needs 0.00 GB for its weights, and memory ran out on cpu" in failed.message
    # It has no fault of its own.
    assert models.cache.failure(models.key(one.local)) is None
    spare = models_of()
    updates = updates_of(0, list(answer(replace(models, spare=spare), (one,))))
    assert isinstance(updates[-1], Finished)
    assert not spare.holds(one.local), "what the accelerator has no room for is not kept elsewhere"


def test_what_is_too_large_for_the_accelerator_answers_on_the_cpu(job: Callable[..., Job]) -> None:
    one, spare = job("idefics3"), models_of()
    updates = updates_of(0, list(answer(replace(models_of(1000), spare=spare), (one,))))
    assert isinstance(updates[0], Restarted)
    assert isinstance(updates[-1], Finished)


def test_nothing_comes_back_before_the_answer_was_tried_again(models: Models, job: Callable[..., Job]) -> None:
    """The next model was loaded ahead; it goes, and stays away until the current one has answered."""
    one, other, seen = job("idefics3"), job("llava"), []
    list(answer(models, (one, other)))

    def look(*_: object) -> None:
        seen.append((models.holds(other.local), models.cache.snapshot().waiting))

    Exhaustion(models, one, 3, 1)
    with models.lease(one.local) as lease:
        lease.resident.model.register_forward_pre_hook(look)
    updates = list(answer(models, (one, other)))
    assert [type(updates_of(number, updates)[-1]) for number in range(2)] == [Finished] * 2
    # The hook that fails comes first, so its own pass is not seen.
    assert seen[:2] == [(True, 0)] * 2
    assert set(seen[2:]) == {(False, 0)}


def test_what_was_refused_ahead_for_want_of_memory_is_asked_again_in_its_turn(
    models: Models, job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, real, calls = job("idefics3"), job("llava"), models.loader.load, []

    def at_first(local: Any, *arguments: Any, **options: Any) -> object:
        calls.append(local.spec.key)
        if calls.count("llava-0") in (1, 2) and local.spec.key == "llava-0":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return real(local, *arguments, **options)

    monkeypatch.setattr(models.loader, "load", at_first)
    failed = threading.Event()
    models.cache.journal.listen(lambda event: failed.set() if event.kind is Kind.FAILURE else None)
    updates, steps = [], answer(models, (one, other))
    for number, update in steps:
        updates.append((number, update))
        if isinstance(update, Ready) and number == 0:
            # Only after it was taken in is the next one asked for.
            updates.append(next(steps))
            assert failed.wait(PATIENCE)
    assert [type(updates_of(number, updates)[-1]) for number in range(2)] == [Finished] * 2
    assert calls.count("llava-0") == 3


def test_a_bug_is_told_without_its_text(models: Models, job: Callable[..., Job]) -> None:
    broken = replace(job("idefics3"), inputs={})
    failed = updates_of(0, list(answer(models, (broken, job("llava")))))[-1]
    assert isinstance(failed, Failed)
    assert "report the reference" in failed.message


@pytest.mark.parametrize(
    ("model", "processor"), [("llava", "idefics3"), ("gemma3", "paligemma"), ("internvl", "idefics3")]
)
def test_a_processor_of_another_model_is_told(
    model: str, processor: str, models: Models, job: Callable[..., Job]
) -> None:
    mixed = replace(job(model), inputs=job(processor).inputs)
    failed = updates_of(0, list(answer(models, (mixed,))))[-1]
    assert isinstance(failed, Failed)
    assert f"{model}-0 and its processor do not fit" in failed.message
    assert "processor_from" in failed.message


def test_tokens_beyond_the_vocabulary_never_reach_the_model(models: Models, job: Callable[..., Job]) -> None:
    one = job("idefics3")
    beyond = replace(one, inputs={**one.inputs, "input_ids": one.inputs["input_ids"] + 10_000})
    failed = updates_of(0, list(answer(models, (beyond,))))[-1]
    assert isinstance(failed, Failed)
    assert "its tokenizer knows more tokens than its model" in failed.message


def test_closing_ends_the_lease(models: Models, job: Callable[..., Job]) -> None:
    updates = answer(models, (job("idefics3"), job("llava")))
    while not isinstance(next(updates)[1], Piece):
        pass
    assert sum(model.leases for model in models.cache.snapshot().models) == 1
    updates.close()
    assert sum(model.leases for model in models.cache.snapshot().models) == 0


def test_what_goes_in_and_out_is_plain_data(models: Models, job: Callable[..., Job]) -> None:
    one = job("idefics3")
    copied = pickle.loads(pickle.dumps(one))  # noqa: S301  (our own bytes)
    assert copied.local == one.local
    for _, update in answer(models, (copied,)):
        assert pickle.loads(pickle.dumps(update)) == update  # noqa: S301


def test_the_next_model_loads_while_the_current_one_generates(models: Models, job: Callable[..., Job]) -> None:
    """Held up in the middle of the first answer, the second model comes into memory all the same."""
    one, other = job("idefics3"), job("llava")
    updates = answer(models, (one, other))
    while not isinstance(next(updates)[1], Ready):
        pass
    told = threading.Event()
    models.cache.journal.listen(lambda event: told.set() if event.label == other.local.spec.label else None)
    assert isinstance(next(updates)[1], Piece)
    assert models.holds(other.local) or told.wait(PATIENCE)
    rest = updates_of(1, list(updates))
    ready = next(update for update in rest if isinstance(update, Ready))
    assert ready.loaded_in is not None
    assert not any(isinstance(update, Loading) for update in rest)


def test_what_does_not_fit_beside_waits_for_its_turn(job: Callable[..., Job]) -> None:
    one, other = job("idefics3"), job("llava")
    models = models_of(max(one.local.bytes, other.local.bytes) * 3 // 2)
    updates = list(answer(models, (one, other)))
    assert isinstance(updates_of(1, updates)[-1], Finished)
    assert any(isinstance(update, Loading) for update in updates_of(1, updates))
    assert not models.holds(one.local)


def test_who_waits_for_a_turn_hears_where_it_stands_and_may_leave(models: Models, job: Callable[..., Job]) -> None:
    one = job("idefics3")
    with models.lease(one.local):
        updates = answer(models, (one,))
        _, first = next(updates)
        assert isinstance(first, Queued)
        assert first.ahead == 1
        updates.close()
        assert models.cache.snapshot().waiting == 0


def test_leaving_while_the_next_model_loads_drops_that_load(models: Models, job: Callable[..., Job]) -> None:
    one, other = job("idefics3"), job("llava")
    updates = answer(models, (one, other))
    while not isinstance(next(updates)[1], Piece):
        pass
    updates.close()
    snapshot = models.cache.snapshot()
    assert (snapshot.waiting, snapshot.running) == (0, 0)
    with models.lease(one.local) as lease:
        assert lease.loaded_in is None
