"""One checkpoint's answer in the making: turns what comes through the door into events; knows no door and no store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version

from transformers import ProcessorMixin

from microscope import __version__
from microscope.engine.answering import Exhausted, Job, Update
from microscope.engine.files import LocalCheckpoint
from microscope.engine.generate import Finished, Piece
from microscope.engine.prompts import Prepared
from microscope.engine.using import Failed, Loading, Queued, Ready, Restarted
from microscope.records import Answer, AnswerEvent, Facts, GenerationSettings, State, Token

AGAIN = "Memory ran out; others were let go, and it begins again."
# A picture is halved in both directions at most so often, and not below so many pixels.
MOST_SHRUNK, LEAST_PIXELS = 2, 64 * 64
NOT_READY = Ready(None, "", "", "")
PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "pillow", "numpy")


@dataclass(frozen=True)
class Origin:
    """Where an answer comes from: the checkpoint, its prompt with its tokens and those of the image, the settings.

    `fallback` says what was made do with, as the facts do.
    """

    key: str
    local: LocalCheckpoint
    processor: ProcessorMixin
    prompt: str
    prompt_tokens: int
    image_tokens: int
    address: str
    settings: GenerationSettings
    fallback: str = ""

    def text(self, ids: Sequence[int]) -> str:
        """Return tokens as text, without special ones."""
        return self.processor.tokenizer.decode(ids, skip_special_tokens=True).strip()

    def answer(
        self, ids: Sequence[int], logprobs: Sequence[float], end: Finished, ready: Ready, together: int = 1
    ) -> Answer:
        """Return the finished answer, which was made with so many others at once."""
        decode = self.processor.tokenizer.decode
        tokens = tuple(Token(i, decode([i]), logprob) for i, logprob in zip(ids, logprobs, strict=True))
        facts = Facts(
            revision=self.local.revision,
            prompt_tokens=self.prompt_tokens,
            image_tokens=self.image_tokens,
            tokens=len(tokens),
            first_token_seconds=end.first_token_seconds,
            total_seconds=end.total_seconds,
            seed=self.settings.seed,
            dtype=ready.dtype,
            device=ready.device,
            attention=ready.attention,
            loaded_in=ready.loaded_in,
            finish=end.reason,
            versions=package_versions(),
            fallback=self.fallback,
            together=together,
        )
        return Answer(self.key, self.text(ids), tokens, facts, self.prompt, self.address)


@dataclass
class Pending:
    """An answer that is being made; `fallback` is what was made smaller for it, `shrunk` how often its picture was.

    It is over when it is `done`, or when memory is `exhausted` with inputs of this size: then the sentence says so.
    """

    key: str
    local: LocalCheckpoint
    processor: ProcessorMixin
    prepared: Prepared
    address: str
    settings: GenerationSettings
    fallback: str = ""
    shrunk: int = 0
    exhausted: str = ""
    done: bool = False
    ready: Ready = NOT_READY
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)

    @property
    def job(self) -> Job:
        """Return what goes through the door; a picture that was made smaller often enough stays as it is."""
        width, height = self.prepared.size
        may_shrink = self.shrunk < MOST_SHRUNK and width * height // 4 >= LEAST_PIXELS
        return Job(self.local, self.prepared.inputs, self.settings, self.prepared.image_tokens, may_shrink)

    @property
    def over(self) -> bool:
        """Tell whether nothing more comes through the door."""
        return self.done or bool(self.exhausted)

    @property
    def text(self) -> str:
        """Return the text, without special tokens."""
        return self._origin.text(self.ids)

    @property
    def growing_text(self) -> str:
        """Return the text so far; half a character waits for its other half."""
        return self.text.rstrip("\ufffd").rstrip()

    def take(self, update: Update, spared: str = "") -> AnswerEvent:
        """Take in an update and return its event; `spared` names the device that has no room where another answers."""
        if isinstance(update, Piece):
            self.ids.extend(update.ids)
            self.logprobs.extend(update.logprobs)
            return AnswerEvent(self.key, State.GENERATING, self.growing_text, len(self.ids))
        if isinstance(update, Ready):
            self.ready = update
            return AnswerEvent(self.key, State.GENERATING)
        if isinstance(update, Finished | Failed):
            self.done = True
            return self._ended(update, spared)
        return self._waits(update)

    def _waits(self, update: Queued | Loading | Restarted | Exhausted) -> AnswerEvent:
        if isinstance(update, Queued):
            return AnswerEvent(self.key, State.QUEUED, ahead=update.ahead, seconds=update.seconds)
        if isinstance(update, Loading):
            return AnswerEvent(
                self.key,
                State.LOADING,
                bytes_done=update.done,
                bytes_total=update.bytes,
                ahead=update.ahead,
                seconds=update.seconds,
            )
        self.ids.clear()
        self.logprobs.clear()
        self.exhausted = update.message if isinstance(update, Exhausted) else ""
        return AnswerEvent(self.key, State.QUEUED, message=self.exhausted or AGAIN)

    def _ended(self, update: Finished | Failed, spared: str) -> AnswerEvent:
        if isinstance(update, Failed):
            return AnswerEvent(self.key, State.FAILED, self.text, message=update.message)
        answer = self._answer(update, spared)
        return AnswerEvent(self.key, State.DONE, answer.text, len(answer.tokens), answer=answer)

    def _answer(self, end: Finished, spared: str) -> Answer:
        origin = self._origin
        if spared and not origin.fallback:
            origin = replace(origin, fallback=f"on the CPU, for memory ran out on {spared}")
        return origin.answer(self.ids, self.logprobs, end, self.ready)

    @property
    def _origin(self) -> Origin:
        made = self.prepared
        prompt = made.prompt, made.prompt_tokens, made.image_tokens
        return Origin(self.key, self.local, self.processor, *prompt, self.address, self.settings, self.fallback)


@cache
def package_versions() -> tuple[tuple[str, str], ...]:
    """Return (package, version) of what an answer depends on, this project first."""
    return (("microscope", __version__), *((name, version(name)) for name in PACKAGES))
