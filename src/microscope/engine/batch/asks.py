"""What a batch is asked, and what comes back: plain, picklable data that crosses the door."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from microscope.engine.batch.collate import Inputs
from microscope.engine.files import LocalCheckpoint
from microscope.engine.generate import Finished
from microscope.engine.models import Needs
from microscope.engine.using import Failed, Loading, Queued, Ready, Restarted
from microscope.records import GenerationSettings

# How prompts go through a model, from the quickest: in batches that go on from what all questions about a picture
# begin with, in batches with each picture encoded once, in batches, alone.
PREFIXED, SHARED, TOGETHER, ALONE = "prefixed", "shared", "together", "alone"
WAYS = (PREFIXED, SHARED, TOGETHER, ALONE)
# Tokens of all prompts and answers of one batch, and prompts in it at most.
BATCH_TOKENS, MOST_TOGETHER = 16_384, 64


@dataclass(frozen=True)
class Way:
    """How a checkpoint's prompts may go, as it was proved, and the lead under which an answer is made again alone.

    `lead` is a distance of scores: the batch moved none by more, with a margin. It `shrinks` where rows that are over
    may be left out. `most` go at once, and `why` is the reason in words where it is not the quickest way. Questions
    come `by_picture` where what is kept of pictures has no room for all of them.
    """

    how: str
    lead: float = 0.0
    shrinks: bool = False
    why: str = ""
    most: int = MOST_TOGETHER
    by_picture: bool = False


@dataclass(frozen=True)
class Prompt:
    """A prompt's own tensors, shape (1, length), the number of its picture, and how many tokens stand for it.

    `image_end` is the position behind the last of them, 0 where it is not known.
    """

    text: Inputs
    picture: int
    image_tokens: int
    image_end: int = 0

    @property
    def length(self) -> int:
        """Return how many positions it has."""
        return self.text["input_ids"].shape[1]


@dataclass(frozen=True)
class Stack:
    """Prompts for one checkpoint, the tensors of their pictures, and the way they may go (None: to be proved).

    `most` bounds how many go at once, beside what the way says. `bits` are what weights are rounded to (0: they stay
    as they are).
    """

    local: LocalCheckpoint
    pictures: tuple[Inputs, ...]
    prompts: tuple[Prompt, ...]
    settings: GenerationSettings
    way: Way | None = None
    most: int = MOST_TOGETHER
    bits: int = 0

    def together(self) -> int:
        """Return how many of its prompts go at once."""
        length = max(prompt.length for prompt in self.prompts) + self.settings.max_new_tokens
        most = self.most if self.way is None else min(self.most, 1 if self.way.how == ALONE else self.way.most)
        return max(1, min(most, BATCH_TOKENS // length, len(self.prompts)))

    @property
    def needs(self) -> Needs:
        """Return what decides its working memory."""
        longest = max(self.prompts, key=lambda prompt: prompt.length)
        pixels = max(
            (sum(v.numel() for v in one.values() if v.is_floating_point()) for one in self.pictures), default=0
        )
        together = self.together()
        # What each picture's questions begin with is kept beside the batch that goes on from it.
        beside = 0 if self.way is not None and self.way.how != PREFIXED else min(together, len(self.pictures))
        batch = together + beside if together > 1 else 1
        return Needs(longest.length, longest.image_tokens, self.settings.max_new_tokens, pixels, batch=batch)

    def inputs(self, number: int) -> dict[str, torch.Tensor]:
        """Return the inputs of one prompt as a processor makes them."""
        prompt = self.prompts[number]
        return {**prompt.text, **self.pictures[prompt.picture]}


@dataclass(frozen=True)
class Proved:
    """How the checkpoint's prompts go from now on."""

    way: Way

    @property
    def why(self) -> str:
        """Return the reason in words where it is not the quickest way."""
        return self.way.why


@dataclass(frozen=True)
class Answered:
    """One prompt's answer, by its number; `together` is how many were made at once."""

    number: int
    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    end: Finished
    together: int = 1


@dataclass(frozen=True)
class Unanswered:
    """A prompt that could not be answered, by its number, and the sentence to show."""

    number: int
    message: str


@dataclass(frozen=True)
class Done:
    """Every prompt of the stack was told of."""


Told = Proved | Answered | Unanswered | Done
Update = Queued | Loading | Ready | Restarted | Failed | Told
