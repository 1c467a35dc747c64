"""The frozen dataclasses that cross rooms; plain, picklable data that knows no library of ours and no heavy one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property


@dataclass(frozen=True)
class Box:
    """A rectangle in fractions of the image's width and height: 0 <= left < right <= 1, 0 <= top < bottom <= 1."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Item:
    """One question about one image, its accepted answers, and the boxes that prove the answer.

    `image` names the picture within its set. Where there are `choices`, the first is A; `answers` then hold the right
    one's letter or its text. `tags` are free words, or `name:value`.
    """

    id: str
    image: str
    question: str
    answers: tuple[str, ...]
    kind: str = ""
    evidence: tuple[Box, ...] = ()
    choices: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A decoded image that passed the guard: upright 8-bit RGB, row-major, `3 * width * height` bytes."""

    width: int
    height: int
    rgb: bytes = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of size and pixels, in hexadecimal: the same picture has the same digest."""
        return hashlib.sha256(f"{self.width}x{self.height}:".encode() + self.rgb).hexdigest()


@dataclass(frozen=True)
class GenerationSettings:
    """How to generate; temperature 0 is greedy decoding, `top_k` 0 and `top_p` 1 keep every token.

    `image_budget` bounds the image in pixels before the processor sees it (None: the checkpoint's own default).
    """

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    seed: int = 0
    image_budget: int | None = None

    @property
    def greedy(self) -> bool:
        """Tell whether no random number takes part."""
        return self.temperature == 0


@dataclass(frozen=True)
class AnswerRequest:
    """One picture and one question for one to four checkpoints, named by catalogue key."""

    picture: Picture
    question: str
    checkpoints: tuple[str, ...]
    settings: GenerationSettings = GenerationSettings()


@dataclass(frozen=True)
class Token:
    """One generated token: vocabulary id, decoded text, and natural-log probability under the unmodified model."""

    id: int
    text: str
    logprob: float


@dataclass(frozen=True)
class Facts:
    """What makes one answer's numbers honest; times in seconds, `loaded_in` None where the model was resident.

    `finish` is `end` (the model ended), `length` (max new tokens reached) or `stopped` (a person pressed Stop).
    `fallback` says what was made smaller, or taken elsewhere, because memory ran out; it is empty otherwise.
    `together` is how many answers were made at once: their times are the batch's.
    """

    revision: str
    prompt_tokens: int
    image_tokens: int
    tokens: int
    first_token_seconds: float
    total_seconds: float
    seed: int
    dtype: str
    device: str
    attention: str
    loaded_in: float | None
    finish: str
    versions: tuple[tuple[str, str], ...] = ()
    fallback: str = ""
    together: int = 1

    @property
    def tokens_per_second(self) -> float | None:
        """Return the decoding rate after the first token; None where there was no second one."""
        seconds = self.total_seconds - self.first_token_seconds
        return (self.tokens - 1) / seconds if self.tokens > 1 and seconds > 0 else None


@dataclass(frozen=True)
class Answer:
    """One checkpoint's finished answer; `prompt` is the chat template as rendered, `address` its content address.

    `computed` is `now`, `store` (computed earlier with exactly these inputs) or `example` (shipped with the example).
    """

    checkpoint: str
    text: str
    tokens: tuple[Token, ...]
    facts: Facts
    prompt: str
    address: str = ""
    computed: str = "now"


class State(str, Enum):
    """Where one checkpoint's answer stands."""

    QUEUED = "queued"
    FETCHING = "fetching"
    LOADING = "loading"
    GENERATING = "generating"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class AnswerEvent:
    """A change in one checkpoint's answer.

    QUEUED and LOADING carry how many are `ahead` and about how many `seconds` it takes, FETCHING and LOADING bytes,
    GENERATING the text so far and its token count, DONE the answer, FAILED the sentence to show. A sentence in QUEUED
    says why the answer begins again.
    """

    checkpoint: str
    state: State
    text: str = ""
    tokens: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    answer: Answer | None = None
    message: str = ""
    ahead: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What became of one checkpoint in a comparison: its answer, or the sentence that says why there is none."""

    checkpoint: str
    label: str
    answer: Answer | None = None
    message: str = ""


@dataclass(frozen=True)
class Comparison:
    """One finished comparison; `example` is the id of the shipped example it is about, `when` ISO 8601 in UTC."""

    picture: Picture
    question: str
    settings: GenerationSettings
    outcomes: tuple[Outcome, ...]
    when: str
    example: str | None = None
