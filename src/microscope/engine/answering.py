"""The task behind the door that answers: uses each model in turn and streams its tokens; knows no processor.

Runs where the accelerator is: in the process itself, or in a ZeroGPU worker. Plain, picklable data goes in and out.
While one checkpoint generates, the next one's weights are loaded where there is room, else its files are read ahead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from microscope.engine.caching.ticket import Lease
from microscope.engine.files import LocalCheckpoint
from microscope.engine.fit import fitting
from microscope.engine.generate import Finished, Piece, stream
from microscope.engine.loader import Resident
from microscope.engine.models import Models, Needs
from microscope.engine.using import Ahead, Failed, Loading, Queued, Ready, Restarted, Use, in_turn, ready
from microscope.errors import OutOfMemoryError, UserError
from microscope.records import GenerationSettings


@dataclass(frozen=True)
class Job:
    """One checkpoint's part of a request: its files, its inputs as CPU tensors, and the settings.

    `image_tokens` are those of its prompt that stand for the picture, which `may_shrink` if memory runs out.
    """

    local: LocalCheckpoint
    inputs: dict[str, torch.Tensor]
    settings: GenerationSettings
    image_tokens: int = 0
    may_shrink: bool = False

    @property
    def needs(self) -> Needs:
        """Return what decides the working memory of its answer."""
        pixels = sum(value.numel() for value in self.inputs.values() if value.is_floating_point())
        return Needs(self.inputs["input_ids"].shape[1], self.image_tokens, self.settings.max_new_tokens, pixels)


@dataclass(frozen=True)
class Exhausted:
    """Memory ran out for good with inputs of this size; the sentence has the numbers."""

    message: str


Update = Queued | Loading | Ready | Piece | Finished | Restarted | Exhausted | Failed


def answer(models: Models, jobs: tuple[Job, ...]) -> Iterator[tuple[int, Update]]:
    """Answer the jobs one after another, yielding (job number, update); a job that fails leaves the others."""
    yield from in_turn(models, jobs, lambda job, ahead: _answer_one(models, job, ahead))


def _answer_one(models: Models, job: Job, ahead: Ahead) -> Iterator[Update]:
    """Answer one job; where memory runs out for good with a smaller picture, or on the CPU if the model is small."""
    try:
        use = Use(models, job.local, job.needs)
        if (yield from use.run(lambda lease: _stream(lease, job), ahead)):
            return
        refusal, may_shrink = models.out_of_memory(job.local, job.needs), job.may_shrink
    except OutOfMemoryError as error:
        # It was not even loaded: a smaller picture would change nothing.
        refusal, may_shrink = str(error), False
    spare = models.spare_for(job.local)
    if may_shrink:
        yield Exhausted(refusal)
    elif spare is None:
        raise UserError(refusal)
    else:
        yield Restarted()
        try:
            yield from _answer_one(spare, job, Ahead(spare))
        finally:
            # Its memory is everybody's.
            spare.cache.unload(spare.key(job.local), "its answer is done")


def _stream(lease: Lease[Resident], job: Job) -> Iterator[Update]:
    model = lease.resident.model
    yield ready(lease)
    with fitting(model, job.inputs, job.local.spec.label):
        yield from stream(model, job.inputs, job.settings)
