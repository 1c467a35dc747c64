"""The way of one answer: from a request to the events of its answers; knows no page and no platform.

Everything that needs no accelerator happens here, in the main process: fetching files, the processor, the answer
store, decoding tokens to text. Only the models' forward passes go through the door.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version

from transformers import ProcessorMixin

from microscope import __version__
from microscope.catalog.spec import Catalog, ModelSpec
from microscope.engine.answering import Failed, Job, Loading, Ready, Update
from microscope.engine.boundary import guarded
from microscope.engine.files import Fetcher, LocalCheckpoint
from microscope.engine.generate import Finished, Piece
from microscope.engine.gpu import Door
from microscope.engine.models import Models
from microscope.engine.pace import Pace
from microscope.engine.processors import Processors
from microscope.engine.prompts import Prepared, prepare
from microscope.errors import UserError
from microscope.records import Answer, AnswerEvent, AnswerRequest, Facts, GenerationSettings, State, Token
from microscope.storage.address import AddressParts, content_address
from microscope.storage.answers import AnswerStore

EVERY_JOB = -1
NOT_READY = Ready(None, "", "", "")
LOOK_EVERY_SECONDS = 0.2
PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "pillow", "numpy")


@dataclass
class _Pending:
    """One checkpoint's answer in the making."""

    key: str
    local: LocalCheckpoint
    processor: ProcessorMixin
    prepared: Prepared
    address: str
    ready: Ready = NOT_READY
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    done: bool = False

    @property
    def text(self) -> str:
        """Return the text, without special tokens."""
        return self.processor.tokenizer.decode(self.ids, skip_special_tokens=True).strip()

    @property
    def growing_text(self) -> str:
        """Return the text so far; half a character waits for its other half."""
        return self.text.rstrip("\ufffd").rstrip()


@dataclass(frozen=True)
class Answerer:
    """Answers requests; made once, before launch."""

    catalog: Catalog
    fetcher: Fetcher
    processors: Processors
    models: Models
    door: Door
    store: AnswerStore
    pace: Pace

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
        pending: list[_Pending] = []
        for key in request.checkpoints:
            yield from guarded(self._prepare(key, request, pending), _failure(key))
        if pending:
            yield from self._generate(pending, request.settings)

    def _known(self, request: AnswerRequest) -> Iterator[AnswerEvent]:
        """Yield the answers that are known; looking them up starts no download, and what fails is not known."""
        here = replace(self, fetcher=self.fetcher.without_network())
        for key in request.checkpoints:
            events = guarded(here._prepare(key, request, []), _failure(key))  # noqa: SLF001  (our own, of a copy)
            yield from (event for event in events if event.state is State.DONE)

    def _prepare(self, key: str, request: AnswerRequest, pending: list[_Pending]) -> Iterator[AnswerEvent]:
        spec = self.catalog.get(key)
        if spec is None:
            raise UserError(f"The checkpoint {key} is not in the catalogue any more; choose another one.")
        local = yield from self._fetch(spec)
        processor = self.processors.get(local)
        prepared = prepare(processor, spec, request.picture, request.question, request.settings.image_budget)
        address = content_address(self._parts(local, prepared, request))
        kept = self.store.get(address)
        if kept is not None:
            yield AnswerEvent(key, State.DONE, kept.text, answer=replace(kept, checkpoint=key, computed="store"))
        else:
            pending.append(_Pending(key, local, processor, prepared, address))

    def _fetch(self, spec: ModelSpec) -> Generator[AnswerEvent, None, LocalCheckpoint]:
        """Yield the progress of the download, if there is one, and return the local checkpoint."""
        if spec.folder and spec.base is None and spec.processor_from is None:
            return self.fetcher.fetch(spec)
        progress = [0, 0]

        def count(done: int, total: int) -> None:
            progress[:] = done, total

        pool = ThreadPoolExecutor(1)
        try:
            future = pool.submit(self.fetcher.fetch, spec, count)
            while True:
                try:
                    return future.result(timeout=LOOK_EVERY_SECONDS)
                except StillRunning:
                    if future.done():
                        raise
                    yield AnswerEvent(spec.key, State.FETCHING, bytes_done=progress[0], bytes_total=progress[1])
        finally:
            # A visitor who leaves does not wait for the download, and the next one finds it further on.
            pool.shutdown(wait=False)

    def _parts(self, local: LocalCheckpoint, prepared: Prepared, request: AnswerRequest) -> AddressParts:
        versions = dict(package_versions())
        return AddressParts(
            picture=request.picture.digest,
            question=request.question,
            prompt=prepared.prompt,
            settings=request.settings,
            processor=prepared.processing,
            dtype=self.models.dtype_of(local),
            device=self.models.device.partition(":")[0],
            attention=local.spec.attention,
            torch=versions["torch"],
            transformers=versions["transformers"],
            weights=local.identity,
        )

    def _generate(self, pending: list[_Pending], settings: GenerationSettings) -> Iterator[AnswerEvent]:
        jobs = tuple(Job(one.local, one.prepared.inputs, settings) for one in pending)
        for number, update in guarded(self.door.run("answer", jobs), lambda message: (EVERY_JOB, Failed(message))):
            if number == EVERY_JOB:
                left = [one for one in pending if not one.done]
                yield from (AnswerEvent(one.key, State.FAILED, one.text, message=update.message) for one in left)
            else:
                one = pending[number]
                event = self._event(one, update, settings)
                try:
                    yield event
                finally:
                    # After it is shown; and also where whoever asked has seen enough.
                    if event.answer is not None:
                        self.store.put(one.address, event.answer)

    def _event(self, one: _Pending, update: Update, settings: GenerationSettings) -> AnswerEvent:
        if isinstance(update, Loading):
            return AnswerEvent(one.key, State.LOADING, bytes_total=update.bytes)
        if isinstance(update, Ready):
            one.ready = update
            return AnswerEvent(one.key, State.GENERATING)
        if isinstance(update, Piece):
            one.ids.extend(update.ids)
            one.logprobs.extend(update.logprobs)
            return AnswerEvent(one.key, State.GENERATING, one.growing_text, len(one.ids))
        one.done = True
        if isinstance(update, Failed):
            return AnswerEvent(one.key, State.FAILED, one.text, message=update.message)
        answer = _finished(one, update, settings)
        self.pace.observe(answer)
        return AnswerEvent(one.key, State.DONE, answer.text, len(answer.tokens), answer=answer)


def _failure(key: str) -> Callable[[str], AnswerEvent]:
    return lambda message: AnswerEvent(key, State.FAILED, message=message)


def _finished(one: _Pending, end: Finished, settings: GenerationSettings) -> Answer:
    decode = one.processor.tokenizer.decode
    tokens = tuple(Token(i, decode([i]), logprob) for i, logprob in zip(one.ids, one.logprobs, strict=True))
    facts = Facts(
        revision=one.local.revision,
        prompt_tokens=one.prepared.prompt_tokens,
        image_tokens=one.prepared.image_tokens,
        tokens=len(tokens),
        first_token_seconds=end.first_token_seconds,
        total_seconds=end.total_seconds,
        seed=settings.seed,
        dtype=one.ready.dtype,
        device=one.ready.device,
        attention=one.ready.attention,
        loaded_in=one.ready.loaded_in,
        finish=end.reason,
        versions=package_versions(),
    )
    return Answer(one.key, one.text, tokens, facts, one.prepared.prompt, one.address)


@cache
def package_versions() -> tuple[tuple[str, str], ...]:
    """Return (package, version) of what an answer depends on, this project first."""
    return (("microscope", __version__), *((name, version(name)) for name in PACKAGES))
