"""What the lens may be asked of one checkpoint, and what comes back: plain, picklable data that crosses the door."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from microscope.engine.files import LocalCheckpoint
from microscope.engine.generate import Finished, Piece
from microscope.engine.models import Needs
from microscope.engine.using import Failed, Loading, Queued, Ready, Restarted
from microscope.lens.findings import Heat
from microscope.lens.layout import Layout
from microscope.lens.subject import BATCH_TOKENS
from microscope.records import GenerationSettings, Picture

# So many answer tokens of a small model have their maps made at once, those for which the picture mattered most.
RELEVANT = 4


@dataclass(frozen=True)
class Look:
    """Answer, and tell what each token attended to, what the picture added, and the relevance of some tokens.

    `methods` are those whose map of the whole answer is wanted, each with its badge; and of so many `relevant` tokens,
    those for which the picture mattered most.
    """

    methods: tuple[str, ...] = ("attention", "relevance")
    relevant: int = 0


@dataclass(frozen=True)
class Explain:
    """Map a token of an answer (None: the whole) by a method; `steps` bounds those that take many passes.

    `chance` is what the finding has of it.
    """

    answer: tuple[int, ...]
    method: str
    token: int | None = None
    steps: int | None = None
    chance: np.ndarray | None = None


@dataclass(frozen=True)
class Reject:
    """Answer again with image tokens (indices of cells) hidden, and with their pixels blanked in other inputs."""

    answer: tuple[int, ...]
    rejected: tuple[int, ...]
    blanked: dict[str, torch.Tensor]


@dataclass(frozen=True)
class Read:
    """Read one image token, an index of a cell, with the output head at each layer."""

    answer: tuple[int, ...]
    cell: int


@dataclass(frozen=True)
class Score:
    """Tell the log-probability of another answer: of several ways to write it, the likeliest."""

    answers: tuple[tuple[int, ...], ...]


Ask = Look | Explain | Reject | Read | Score


@dataclass(frozen=True)
class Study:
    """One checkpoint under the lens: its files, the prompt's inputs and the blank picture's, and what is asked.

    Where `layout` is None no family knows how the picture was cut, and boxes are measured with `picture` and
    `question`; `positions` are those of the image tokens. `picture` is None where it is not needed.
    """

    local: LocalCheckpoint
    inputs: dict[str, torch.Tensor]
    blank: dict[str, torch.Tensor]
    positions: tuple[int, ...]
    layout: Layout | None
    picture: Picture | None
    question: str
    settings: GenerationSettings
    asks: tuple[Ask, ...]

    @property
    def geometry(self) -> Layout:
        """Return the layout, once it is known or was measured."""
        if self.layout is None:
            raise ValueError(f"the boxes of {self.local.spec.key} were not measured")
        return self.layout

    @property
    def needs(self) -> Needs:
        """Return what decides its working memory."""
        pixels = sum(value.numel() for value in self.inputs.values() if value.is_floating_point())
        return Needs(
            self.inputs["input_ids"].shape[1],
            len(self.positions),
            self.settings.max_new_tokens,
            pixels,
            together=max(BATCH_TOKENS, self.inputs["input_ids"].shape[1]),
        )


@dataclass(frozen=True)
class Laid:
    """Where the image tokens are, as measured."""

    layout: Layout


@dataclass(frozen=True)
class Seen:
    """Attention rows (tokens, layers, heads, cells) as float16, and log-probabilities with a blank picture.

    `vision` is what each image token received in the vision tower, None where that is not told.
    """

    rows: np.ndarray
    prior: tuple[float, ...]
    vision: np.ndarray | None


@dataclass(frozen=True)
class Chanced:
    """What random orders do to the answer: log-probabilities, shape (masks, tokens), as a finding keeps them."""

    chance: np.ndarray


@dataclass(frozen=True)
class Gathered:
    """A map, as far as it is known."""

    heat: Heat


@dataclass(frozen=True)
class Begun:
    """Another answer of this study begins: what is streamed from here is answered `without` tokens, or `blanked`."""

    what: str


@dataclass(frozen=True)
class Weighed:
    """Probabilities of the original answer: with everything, without tokens, without pixels."""

    before: float
    after: float
    pixels_after: float


@dataclass(frozen=True)
class ReadAs:
    """For each layer, (token id, probability) pairs, the likeliest first."""

    cell: int
    layers: tuple[tuple[tuple[int, float], ...], ...]


@dataclass(frozen=True)
class Scored:
    """The log-probability of each token of the answer that was asked about."""

    logprobs: tuple[float, ...]


@dataclass(frozen=True)
class Over:
    """Everything that was asked of this study was told."""


Told = Laid | Seen | Chanced | Gathered | Begun | Weighed | ReadAs | Scored | Over
Update = Queued | Loading | Ready | Piece | Finished | Restarted | Failed | Told
