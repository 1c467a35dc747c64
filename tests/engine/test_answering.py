"""The task behind the door answers one job after another, in plain data, and one that fails leaves the others."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from microscope.engine.answering import Failed, Job, Loading, Ready, Update, answer, warm
from microscope.engine.cache import ModelCache
from microscope.engine.generate import Finished, Piece, stream
from microscope.engine.models import Models
from microscope.engine.processors import Processors
from microscope.engine.prompts import prepare
from microscope.records import GenerationSettings
from tests.engine.conftest import Loaded
from tests.families import local_of, picture

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SETTINGS = GenerationSettings(max_new_tokens=8)


@pytest.fixture
def models() -> Models:
    return Models(ModelCache(10**9), "cpu", "float32")


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
    loading, ready, *pieces, finished = updates_of(0, list(answer(models, (one,))))
    assert loading == Loading(one.local.bytes)
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
    assert all(model.leases == 0 for model in models.cache.snapshot())


def test_a_model_that_does_not_fit_the_memory_is_told(job: Callable[..., Job]) -> None:
    (_, failed) = updates_of(0, list(answer(Models(ModelCache(1000), "cpu", "float32"), (job("idefics3"),))))
    assert isinstance(failed, Failed)
    assert "choose a smaller one" in failed.message


def test_running_out_of_memory_is_told_and_the_next_one_answers(models: Models, job: Callable[..., Job]) -> None:
    one = job("idefics3")

    def exhaust(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    with models.lease(one.local) as lease:
        hook = lease.resident.model.register_forward_pre_hook(exhaust)
    updates = list(answer(models, (one, job("llava"))))
    failed = updates_of(0, updates)[-1]
    assert isinstance(failed, Failed)
    assert "idefics3-0 ran out of memory on cpu; try a smaller image budget" in failed.message
    assert isinstance(updates_of(1, updates)[-1], Finished)
    hook.remove()
    assert isinstance(updates_of(0, list(answer(models, (one,))))[-1], Finished)


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
    assert [model.leases for model in models.cache.snapshot()] == [1]
    updates.close()
    assert [model.leases for model in models.cache.snapshot()] == [0]


def test_what_goes_in_and_out_is_plain_data(models: Models, job: Callable[..., Job]) -> None:
    one = job("idefics3")
    copied = pickle.loads(pickle.dumps(one))  # noqa: S301  (our own bytes)
    assert copied.local == one.local
    for _, update in answer(models, (copied,)):
        assert pickle.loads(pickle.dumps(update)) == update  # noqa: S301


def test_asking_for_files_ahead_fails_for_none_that_are_gone(
    models: Models, checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoint("idefics3"), tmp_path / "run")
    local = local_of(folder)
    warm(models, local)
    shutil.rmtree(folder)
    warm(models, local)
