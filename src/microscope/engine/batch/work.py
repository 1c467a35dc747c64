"""Answers stacks of prompts where the accelerator is: in batches, each picture encoded once; plain data in and out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from transformers import PreTrainedModel

from microscope.engine.batch.asks import (
    ALONE,
    PREFIXED,
    SHARED,
    Answered,
    Done,
    Proved,
    Stack,
    Unanswered,
    Update,
    Way,
)
from microscope.engine.batch.batches import batches, proof_of
from microscope.engine.batch.collate import lay, pad
from microscope.engine.batch.prefix import Prefixes, pad_between
from microscope.engine.batch.proof import prove, tried
from microscope.engine.batch.rounding import rounded
from microscope.engine.batch.rows import Company
from microscope.engine.batch.sight import Sight
from microscope.engine.caching.ticket import Lease
from microscope.engine.fit import fitting
from microscope.engine.generate import Together, generate_together
from microscope.engine.loader import Resident
from microscope.engine.models import Models
from microscope.engine.using import Ahead, Use, in_turn, ready
from microscope.errors import OutOfMemoryError

# Rows that are over are left out once so many of them are: it costs about as much as a step.
SHRINK_AT = 0.7
SCARCE = "memory ran out with more at once"


def answer_stacks(models: Models, stacks: tuple[Stack, ...]) -> Iterator[tuple[int, Update]]:
    """Answer stacks one after another, yielding (stack number, update); one that fails leaves the others.

    Where memory runs out, half as many prompts go at once; what was answered until then is not answered again.
    """
    yield from in_turn(models, stacks, lambda stack, ahead: _one(models, stack, ahead))


@dataclass
class _Work:
    """A stack on its way: how its prompts go, which are still to be answered, and those that are being answered."""

    stack: Stack
    left: list[int] = field(default_factory=list)
    trying: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.left = list(range(len(self.stack.prompts)))

    def took(self, number: int) -> None:
        self.left.remove(number)
        self.trying = ()


def _one(models: Models, stack: Stack, ahead: Ahead) -> Iterator[Update]:
    work = _Work(stack)
    while True:
        use = Use(models, stack.local, work.stack.needs)
        if (yield from use.run(lambda lease: _answers(lease, work), ahead)):
            return
        refusal = models.out_of_memory(stack.local, replace(work.stack.needs, batch=max(1, len(work.trying))))
        if not work.trying:
            raise OutOfMemoryError(refusal)
        if len(work.trying) > 1:
            yield from _halve(work)
        else:
            # The others may be smaller.
            (number,) = work.trying
            yield Unanswered(number, refusal)
            work.took(number)


def _halve(work: _Work) -> Iterator[Proved]:
    """Have half as many go at once as memory ran out with, from now on."""
    most, way = len(work.trying) // 2, work.stack.way
    if way is not None:
        way = replace(way, most=most)
    elif most == 1:
        way = Way(ALONE, why=SCARCE)
    work.stack = replace(work.stack, most=most, way=way)
    if way is not None:
        yield Proved(way)


def _answers(lease: Lease[Resident], work: _Work) -> Iterator[Update]:
    yield ready(lease)
    if work.left:
        prompts = work.stack.prompts
        # If any does not fit, this one does not.
        strangest = max(work.left, key=lambda number: int(prompts[number].text["input_ids"].max()))
        model, stack = lease.resident.model, work.stack
        with rounded(model, stack.bits), fitting(model, stack.inputs(strangest), stack.local.spec.label):
            yield from _all(Caller(model, stack), work)
    yield Done()


def _all(caller: Caller, work: _Work) -> Iterator[Update]:
    if work.stack.way is None:
        yield from _first(caller, work)
    # One alone proves nothing.
    way = work.stack.way or Way(ALONE)
    for batch in batches(work.stack, work.left):
        yield from _next(caller, work, way, batch)


def _first(caller: Caller, work: _Work) -> Iterator[Answered | Proved]:
    """Answer a few prompts alone and then together, and find out how the others may go."""
    numbers = proof_of(work.stack, work.left)
    alone: list[Together] = []
    for number in numbers:
        work.trying = (number,)
        alone.append(caller.alone(number))
        yield _told(number, alone[-1])
        work.took(number)
    if len(numbers) > 1:
        work.trying = tuple(numbers)
        proved = prove(caller, numbers, alone)
        work.stack = replace(work.stack, way=proved.way)
        yield proved


def _next(caller: Caller, work: _Work, way: Way, batch: list[int]) -> Iterator[Answered]:
    """Answer a batch; alone what does not fit together, and what might be answered otherwise in other company."""
    answers: Sequence[Together | None] | None = None
    if len(batch) > 1 or way.how in (PREFIXED, SHARED):
        work.trying = tuple(batch)
        answers = tried(caller, batch, way)
    for number, answer in zip(batch, answers or [None] * len(batch), strict=True):
        if answer is None or answer.lead < way.lead:
            work.trying = (number,)
            yield _told(number, caller.alone(number))
        else:
            yield _told(number, answer, len(batch))
        work.took(number)


@dataclass
class Caller:
    """Has a model answer prompts of a stack, alone or together."""

    model: PreTrainedModel
    stack: Stack
    _sight: Sight | None = None
    _prefixes: Prefixes | None = None

    def possible(self, how: str) -> bool:
        """Tell whether a way is worth trying on this model and this stack."""
        if how == PREFIXED:
            return Prefixes.possible(self.model, self.stack)
        return how != SHARED or Sight.possible(self.model)

    def scarce(self, how: str) -> bool:
        """Tell whether not all of the stack's pictures can be kept as a way keeps them."""
        return how == PREFIXED and self._prefixes is not None and self._prefixes.scarce

    def alone(self, number: int) -> Together:
        """Answer one prompt by itself."""
        return generate_together(self.model, self.stack.inputs(number), self.stack.settings)[0]

    def call(self, batch: list[int], way: Way, company: Company | None = None) -> tuple[Together, ...]:
        """Answer some prompts at once, in their order; those that are over are left out as the way allows."""
        company = company or Company(SHRINK_AT if way.shrinks else 0.0)
        if way.how == PREFIXED:
            return self._go_on(batch, company)
        prompts = [self.stack.prompts[number] for number in batch]
        left = not self.model.config.is_encoder_decoder
        text = pad([prompt.text for prompt in prompts], {"input_ids": pad_token(self.model)}, left=left)
        wanted = [prompt.picture for prompt in prompts]
        if way.how != SHARED:
            inputs = {**text, **lay([self.stack.pictures[number] for number in wanted])}
            return generate_together(self.model, inputs, self.stack.settings, company)
        if self._sight is None:
            self._sight = Sight(self.model, self.stack.pictures)
        inputs = {**text, **self._sight.inputs(wanted)}
        with self._sight.attached():
            return generate_together(self.model, inputs, self.stack.settings, company)

    def _go_on(self, batch: list[int], company: Company) -> tuple[Together, ...]:
        """Answer prompts whose pictures end at one place, from there on."""
        if self._prefixes is None:
            self._prefixes = Prefixes(self.model, self.stack)
        prompts = [self.stack.prompts[number] for number in batch]
        inputs = pad_between([prompt.text for prompt in prompts], prompts[0].image_end)
        behind = replace(company, past=self._prefixes.cache(batch))
        return generate_together(self.model, inputs, self.stack.settings, behind)


def pad_token(model: PreTrainedModel) -> int:
    """Return the id that prompts are padded with; the attention mask hides it, so that any will do."""
    for config in (model.generation_config, model.config, model.config.get_text_config()):
        token = getattr(config, "pad_token_id", None)
        if isinstance(token, int) and token >= 0:
            return token
    return 0


def _told(number: int, answer: Together, together: int = 1) -> Answered:
    return Answered(number, answer.ids, answer.logprobs, answer.end, together)
