"""The task behind the door that answers: uses each model in turn and streams its tokens; knows no processor.

Runs where the accelerator is: in the process itself, or in a ZeroGPU worker. Plain, picklable data goes in and out.
While one checkpoint generates, the next one's weights are loaded where there is room, else its files are read ahead.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import torch

from microscope.engine.boundary import attempt, guarded
from microscope.engine.caching.states import Waiting
from microscope.engine.caching.ticket import Ticket
from microscope.engine.files import LocalCheckpoint
from microscope.engine.generate import Finished, Piece, stream
from microscope.engine.loader import Resident
from microscope.engine.memory import is_out_of_memory
from microscope.engine.models import Models, Needs
from microscope.errors import OutOfMemoryError, UserError
from microscope.records import GenerationSettings

# How often who waits hears where it stands, and may be stopped.
LOOK_SECONDS = 0.25
# How long a load that was given up is waited for: it ends at its next step.
DROP_SECONDS = 10.0


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
class Queued:
    """The model is there and others are before: how many, and about how many seconds."""

    ahead: int
    seconds: float


@dataclass(frozen=True)
class Loading:
    """A model is being loaded, or will be: its bytes, those read, how many are before, and about how many seconds."""

    bytes: int
    done: int = 0
    ahead: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Ready:
    """A model is leased; `loaded_in` is in seconds, None where it was resident."""

    loaded_in: float | None
    device: str
    dtype: str
    attention: str


@dataclass(frozen=True)
class Restarted:
    """Memory ran out, and the answer begins again from its first token: nothing that was sent of it counts."""


@dataclass(frozen=True)
class Exhausted:
    """Memory ran out for good with inputs of this size; the sentence has the numbers."""

    message: str


@dataclass(frozen=True)
class Failed:
    """The checkpoint cannot answer; the sentence to show."""

    message: str


# What transformers says where a model gets another model's inputs.
MISFITS = ("image tokens do not match", "are not used by the model")

Update = Queued | Loading | Ready | Piece | Finished | Restarted | Exhausted | Failed


class _Ahead:
    """What was asked ahead for the next job: one ticket, which goes where memory runs out before its turn."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._ticket: Ticket[Resident] | None = None
        self._wanted = True

    def ask(self, job: Job) -> None:
        """Have the job's model loaded where that is in nobody's way, else its files read; failures are told later."""
        if self._ticket is None and self._wanted:
            found = attempt(lambda: self._models.request(job.local, job.needs, eager=False), UserError)
            if isinstance(found, Ticket):
                self._ticket = found
                self._models.read_ahead(job.local)

    def take(self) -> Ticket[Resident] | None:
        """Hand the ticket over for its turn, if it is still of use."""
        ticket, self._ticket, self._wanted = self._ticket, None, True
        if ticket is None or not ticket.exhausted:
            return ticket
        # There was no room then; now there may be.
        ticket.close()
        return None

    def drop(self) -> None:
        """Give up what was asked ahead, and ask for nothing until the next turn."""
        self._wanted = False
        if self._ticket is not None:
            self._ticket.close()
            self._ticket = None


def answer(models: Models, jobs: tuple[Job, ...]) -> Iterator[tuple[int, Update]]:
    """Answer the jobs one after another, yielding (job number, update); a job that fails leaves the others."""
    ahead = _Ahead(models)
    try:
        for number, job in enumerate(jobs):
            following = jobs[number + 1 : number + 2]
            for update in guarded(_answer_one(models, job, ahead), Failed):
                if isinstance(update, Ready) and following:
                    ahead.ask(following[0])
                yield number, update
    finally:
        ahead.drop()


def _answer_one(models: Models, job: Job, ahead: _Ahead) -> Iterator[Update]:
    """Answer one job; where memory runs out for good with a smaller picture, or on the CPU if the model is small."""
    try:
        if (yield from _use(models, job, ahead)):
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
            yield from _answer_one(spare, job, _Ahead(spare))
        finally:
            # Its memory is everybody's.
            spare.cache.unload(spare.key(job.local), "its answer is done")


def _use(models: Models, job: Job, ahead: _Ahead) -> Generator[Update, None, bool]:
    """Wait for the model and generate, once more where memory ran out; return whether that came to its end."""
    with ahead.take() or models.request(job.local, job.needs) as ticket:
        ticket.promote()
        yield from _wait(ticket)
        for again in (False, True):
            if (yield from _generate(models, job, ticket)):
                return True
            # The error is gone, whose frames held the tensors of the forward pass. The model stays in use, so that
            # all others go and not this one, and none comes back before it has tried again.
            ahead.drop()
            models.cache.wait_for_dropped(DROP_SECONDS)
            models.relieve(job.local)
            if not again:
                yield Restarted()
    return False


def _generate(models: Models, job: Job, ticket: Ticket[Resident]) -> Generator[Update, None, bool]:
    """Generate with a leased model, and return whether it ended; False where memory ran out on the way."""
    try:
        lease = models.open(ticket, job.local)
        yield from _stream(lease.resident, job, lease.loaded_in)
    except ValueError as error:
        if not any(part in str(error) for part in MISFITS):
            raise
        raise UserError(_unfit(job, " ".join(str(error).split())[:120])) from error
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


def _wait(ticket: Ticket[Resident]) -> Iterator[Update]:
    seconds = 0.0
    while not ticket.ready(seconds):
        status = ticket.status()
        if status is not None:
            yield _told(status)
        seconds = LOOK_SECONDS


def _told(status: Waiting) -> Update:
    # Its load has begun, or nothing is before it: until then it waits as others do.
    if status.bytes_total and (status.loading or not status.ahead):
        return Loading(status.bytes_total, status.bytes_done, status.ahead, status.seconds)
    return Queued(status.ahead, status.seconds)


def _stream(resident: Resident, job: Job, loaded_in: float | None) -> Iterator[Update]:
    model = resident.model
    dtype, attention = str(model.dtype).removeprefix("torch."), model.config._attn_implementation
    yield Ready(loaded_in, str(model.device), dtype, attention)
    if int(job.inputs["input_ids"].max()) >= model.get_input_embeddings().num_embeddings:
        # On a GPU it would spoil the whole process.
        raise UserError(_unfit(job, "its tokenizer knows more tokens than its model"))
    yield from stream(model, job.inputs, job.settings)


def _unfit(job: Job, reason: str) -> str:
    return (
        f"{job.local.spec.label} and its processor do not fit ({reason}); name the processor that it was trained with "
        "as processor_from in models.yaml."
    )
