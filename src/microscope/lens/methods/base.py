"""What every attribution method gets and gives; knows no method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import torch

from microscope.errors import UserError
from microscope.lens.layout import Layout
from microscope.lens.relevancy import Relevancy, relevancy
from microscope.lens.rows import taught
from microscope.lens.subject import Subject, placed

# Of a long answer, so many tokens from its beginning stand for the whole where each costs a backward pass.
MOST_BACKWARDS = 4


@dataclass(frozen=True)
class Estimate:
    """A map as far as it is known, shape (cells,), and how many of all steps are in it."""

    values: torch.Tensor
    done: int = 1
    total: int = 1


@dataclass
class Context:
    """What methods may use: the subject, a blank picture's inputs, the geometry, and attention rows of the answer.

    `rows` has the shape (tokens, layers, heads, cells). What several methods need is computed once.
    """

    subject: Subject
    blank: dict[str, torch.Tensor]
    layout: Layout
    rows: torch.Tensor
    seed: int = 0
    steps: int | None = None
    _relevancy: dict[int, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)

    @cached_property
    def blank_inputs(self) -> dict[str, torch.Tensor]:
        """Return the blank picture's inputs where the model is, those alone that are not the prompt's."""
        given = self.subject.full
        return {
            name: placed(value, self.subject.model)
            for name, value in self.blank.items()
            if name in given and value.is_floating_point()
        }

    @cached_property
    def _blank(self) -> tuple[torch.Tensor, torch.Tensor]:
        return taught(self.subject, **self.blank_inputs)

    @property
    def prior(self) -> torch.Tensor:
        """Return the answer's log-probabilities with a blank picture, shape (tokens,)."""
        return self._blank[0]

    @property
    def blank_rows(self) -> torch.Tensor:
        """Return the attention rows of the same answer with a blank picture, shaped as `rows`."""
        return self._blank[1]

    def tokens_of(self, token: int | None) -> tuple[int, ...]:
        """Return the answer tokens that a target stands for; an unknown one is a `UserError`."""
        count = len(self.subject.answer)
        if token is None:
            return tuple(range(count))
        if not 0 <= token < count:
            raise UserError(f"The answer has {count} tokens, numbered from 0; there is no token {token}.")
        return (token,)

    def relevancy(self, tokens: Sequence[int]) -> Relevancy:
        """Return the relevancy of the image tokens for answer tokens; what is missing is computed in one go."""
        missing = [token for token in tokens if token not in self._relevancy]
        if missing:
            found = relevancy(self.subject, missing)
            pairs = zip(found.carried, found.last_rows, strict=True)
            self._relevancy.update(zip(missing, pairs, strict=True))
        known = [self._relevancy[token] for token in tokens]
        return Relevancy(torch.stack([one for one, _ in known]), torch.stack([one for _, one in known]))

    def logprob(self, scores: torch.Tensor, token: int | None) -> torch.Tensor:
        """Return the mean log-probability of the target's tokens, from (..., tokens) to (...)."""
        return scores[..., list(self.tokens_of(token))].mean(-1)


class Method(Protocol):
    """A way to say which image tokens an answer rests on; one file, one object, listed in `METHODS`."""

    @property
    def key(self) -> str:
        """Return the name in links, files and calls."""
        ...

    @property
    def label(self) -> str:
        """Return what people call it."""
        ...

    @property
    def tier(self) -> str:
        """Return `attention`, `relevance`, `evidence` or `control`."""
        ...

    @property
    def unit(self) -> str:
        """Return what a value of 1 means."""
        ...

    @property
    def note(self) -> str:
        """Return what the map may be believed to say, in one sentence."""
        ...

    def maps(self, context: Context, token: int | None) -> Iterator[Estimate]:
        """Yield the map for an answer token (None: the whole answer), each time with more in it."""
        ...


@dataclass(frozen=True)
class Description:
    """What a method says of itself."""

    key: str
    label: str
    tier: str
    unit: str
    note: str
