"""The way of one answer: from a request to the events of its answers; knows no page and no platform.

Everything that needs no accelerator happens here, in the main process: fetching files, the processor, the answer
store, decoding tokens to text. Only the models' forward passes go through the door.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace

from microscope.catalog.spec import Catalog, ModelSpec
from microscope.engine.boundary import guarded
from microscope.engine.fetching import fetching
from microscope.engine.files import Fetcher, LocalCheckpoint
from microscope.engine.generate import Finished
from microscope.engine.gpu import Door
from microscope.engine.models import Models
from microscope.engine.offered import Offered
from microscope.engine.pace import Pace
from microscope.engine.pending import Pending, package_versions
from microscope.engine.processors import Processors
from microscope.engine.prompts import Planned, Prepared, prepare
from microscope.engine.using import Failed
from microscope.errors import UserError
from microscope.records import AnswerEvent, AnswerRequest, GenerationSettings, State
from microscope.storage.address import AddressParts, content_address
from microscope.storage.answers import AnswerStore

# The name of the task that answers.
ANSWER = "answer"
EVERY_JOB = -1
SHRUNK = "Memory ran out; it begins again with a smaller image."


@dataclass(frozen=True)
class Answerer:
    """Answers requests; made once, before launch. What is `offered` may change; an answer ends as it began."""

    offered: Offered
    fetcher: Fetcher
    processors: Processors
    models: Models
    door: Door
    store: AnswerStore
    pace: Pace

    @property
    def catalog(self) -> Catalog:
        """Return what is offered now."""
        return self.offered.catalog

    def offering(self, catalog: Catalog) -> Answerer:
        """Return the same with a catalogue of its own, for work that is not to notice what is offered since."""
        return replace(self, offered=Offered(catalog))

    def stream(self, request: AnswerRequest, *, generate: bool = True) -> Iterator[AnswerEvent]:
        """Yield the events of every checkpoint's answer; one checkpoint's failure leaves the others.

        What was computed before with exactly these inputs comes from the answer store and costs nothing; without
        `generate` that is all. Closing the iterator stops the generation.
        """
        if not generate:
            yield from self._known(request)
            return
        for key in request.checkpoints:
            yield AnswerEvent(key, State.QUEUED)
        pending: list[Pending] = []
        for key in request.checkpoints:
            yield from guarded(self._prepare(key, request, pending), _failure(key))
        if pending:
            yield from self._generate(pending, request)

    def spec_of(self, key: str) -> ModelSpec:
        """Return the checkpoint of that key; one that is not in the catalogue is a `UserError`."""
        spec = self.catalog.get(key)
        if spec is None:
            raise UserError(f"The checkpoint {key} is not in the catalogue any more; choose another one.")
        return spec

    def _known(self, request: AnswerRequest) -> Iterator[AnswerEvent]:
        """Yield the answers that are known; looking them up starts no download, and what fails is not known."""
        here = replace(self, fetcher=self.fetcher.without_network())
        for key in request.checkpoints:
            events = guarded(here._prepare(key, request, []), _failure(key))  # noqa: SLF001  (our own, of a copy)
            yield from (event for event in events if event.state is State.DONE)

    def _prepare(self, key: str, request: AnswerRequest, pending: list[Pending]) -> Iterator[AnswerEvent]:
        spec = self.spec_of(key)
        local = yield from self.fetch(spec)
        processor = self.processors.get(local)
        prepared = prepare(processor, spec, request.picture, request.question, request.settings.image_budget)
        address = content_address(self.parts(local, prepared, request))
        kept = self.store.get(address)
        if kept is not None:
            yield AnswerEvent(key, State.DONE, kept.text, answer=replace(kept, checkpoint=key, computed="store"))
        else:
            pending.append(Pending(key, local, processor, prepared, address, request.settings))

    def _shrink(self, one: Pending, request: AnswerRequest, again: list[Pending]) -> Iterator[AnswerEvent]:
        """Prepare a checkpoint's answer anew, with a quarter of the pixels that memory ran out with."""
        width, height = one.prepared.size
        budget = max(1, width * height // 4)
        spec = one.local.spec
        prepared = prepare(one.processor, spec, request.picture, request.question, budget)
        fallback = f"image of {prepared.size[0]} x {prepared.size[1]} px, for memory ran out with {width} x {height}"
        address = content_address(self.parts(one.local, prepared, request))
        smaller = Pending(one.key, one.local, one.processor, prepared, address, request.settings, fallback)
        smaller.shrunk = one.shrunk + 1
        again.append(smaller)
        yield AnswerEvent(one.key, State.QUEUED, message=SHRUNK)

    def fetch(self, spec: ModelSpec) -> Generator[AnswerEvent, None, LocalCheckpoint]:
        """Yield the progress of the download, if there is one, and return the local checkpoint."""
        return fetching(
            self.fetcher,
            spec,
            lambda done, total: AnswerEvent(spec.key, State.FETCHING, bytes_done=done, bytes_total=total),
        )

    def parts(self, local: LocalCheckpoint, prepared: Prepared, request: AnswerRequest) -> AddressParts:
        """Return everything that decides the tokens of an answer here."""
        planned = Planned(prepared.prompt, prepared.size, prepared.processing)
        return self.parts_of(local, planned, request.picture.digest, request.question, request.settings)

    def parts_of(
        self, local: LocalCheckpoint, planned: Planned, picture: str, question: str, settings: GenerationSettings
    ) -> AddressParts:
        """Return the same before the picture, of which this is the digest, is processed."""
        versions = dict(package_versions())
        return AddressParts(
            picture=picture,
            question=question,
            prompt=planned.prompt,
            settings=settings,
            processor=planned.processing,
            dtype=self.models.dtype_of(local),
            device=self.models.device.partition(":")[0],
            attention=local.spec.attention,
            torch=versions["torch"],
            transformers=versions["transformers"],
            # An adapter was once merged into its base, which rounds differently.
            weights=local.identity if local.adapter is None else f"{local.identity} beside its base",
        )

    def _generate(self, pending: list[Pending], request: AnswerRequest) -> Iterator[AnswerEvent]:
        """Have the answers generated; those that memory ran out with have their picture made smaller, and again."""
        while pending:
            yield from self._round(pending)
            again: list[Pending] = []
            for one in pending:
                if one.exhausted:
                    yield from guarded(self._shrink(one, request, again), _failure(one.key))
            pending = again

    def _round(self, pending: list[Pending]) -> Iterator[AnswerEvent]:
        jobs = tuple(one.job for one in pending)
        for number, update in guarded(self.door.run(ANSWER, jobs), lambda message: (EVERY_JOB, Failed(message))):
            if number == EVERY_JOB:
                left = [one for one in pending if not one.over]
                yield from (AnswerEvent(one.key, State.FAILED, one.text, message=update.message) for one in left)
                continue
            one = pending[number]
            event = one.take(update, self.models.device if isinstance(update, Finished) and self._spared(one) else "")
            try:
                yield event
            finally:
                # After it is shown; and also where whoever asked has seen enough.
                self._keep(one, event)

    def _spared(self, one: Pending) -> bool:
        """Tell whether the answer was made on the CPU because the accelerator has no room."""
        return self.models.spare is not None and one.ready.device.startswith("cpu")

    def _keep(self, one: Pending, event: AnswerEvent) -> None:
        """Keep a finished answer; what was made do with is neither what its address asks for, nor as quick."""
        if event.answer is not None and not event.answer.facts.fallback:
            self.pace.observe(event.answer)
            self.store.put(one.address, event.answer)


def _failure(key: str) -> Callable[[str], AnswerEvent]:
    return lambda message: AnswerEvent(key, State.FAILED, message=message)
