"""The task behind the door that answers: leases each model in turn and streams its tokens; knows no processor.

Runs where the accelerator is: in the process itself, or in a ZeroGPU worker. Plain, picklable data goes in and out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import torch

from microscope.engine.boundary import guarded
from microscope.engine.files import LocalCheckpoint
from microscope.engine.generate import Finished, Piece, stream
from microscope.engine.models import Models
from microscope.errors import UserError
from microscope.records import GenerationSettings


@dataclass(frozen=True)
class Job:
    """One checkpoint's part of a request: its files, its inputs as CPU tensors, and the settings."""

    local: LocalCheckpoint
    inputs: dict[str, torch.Tensor]
    settings: GenerationSettings


@dataclass(frozen=True)
class Loading:
    """A model is being loaded: how many bytes of weights."""

    bytes: int


@dataclass(frozen=True)
class Ready:
    """A model is leased; `loaded_in` is in seconds, None where it was resident."""

    loaded_in: float | None
    device: str
    dtype: str
    attention: str


@dataclass(frozen=True)
class Failed:
    """The checkpoint cannot answer; the sentence to show."""

    message: str


# What transformers says where a model gets another model's inputs.
MISFITS = ("image tokens do not match", "are not used by the model")

Update = Loading | Ready | Piece | Finished | Failed


def answer(models: Models, jobs: tuple[Job, ...]) -> Iterator[tuple[int, Update]]:
    """Answer the jobs one after another, yielding (job number, update); a job that fails leaves the others."""
    for number, job in enumerate(jobs):
        if number + 1 < len(jobs):
            warm(models, jobs[number + 1].local)
        for update in guarded(_answer_one(models, job), Failed):
            yield number, update


def _answer_one(models: Models, job: Job) -> Iterator[Update]:
    if not models.cache.holds(job.local.cache_key):
        yield Loading(job.local.bytes)
    try:
        with models.lease(job.local) as lease:
            model = lease.resident.model
            dtype, attention = str(model.dtype).removeprefix("torch."), model.config._attn_implementation
            yield Ready(lease.loaded_in, str(model.device), dtype, attention)
            if int(job.inputs["input_ids"].max()) >= model.get_input_embeddings().num_embeddings:
                # On a GPU it would spoil the whole process.
                raise UserError(_unfit(job, "its tokenizer knows more tokens than its model"))
            yield from stream(model, job.inputs, job.settings)
    except ValueError as error:
        if not any(part in str(error) for part in MISFITS):
            raise
        raise UserError(_unfit(job, " ".join(str(error).split())[:120])) from error
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"{job.local.spec.label} ran out of memory on {models.device}; try a smaller image budget, fewer new "
            "tokens, or a smaller checkpoint."
        ) from error


def _unfit(job: Job, reason: str) -> str:
    return (
        f"{job.local.spec.label} and its processor do not fit ({reason}); name the processor that it was trained with "
        "as processor_from in models.yaml."
    )


def warm(models: Models, local: LocalCheckpoint) -> None:
    """Ask the kernel to read the next checkpoint's files into the page cache while the current one generates."""
    if models.cache.holds(local.cache_key) or not hasattr(os, "posix_fadvise"):
        return
    for path in local.weights:
        # A file that is gone is told when its turn comes; here it is only asked for.
        with suppress(OSError), path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)
