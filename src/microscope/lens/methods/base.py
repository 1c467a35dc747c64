"""What every attribution method gets and gives; knows no method."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import torch

from microscope.errors import UserError
from microscope.lens.findings import ATTENTION, RELEVANCE, Cost
from microscope.lens.layout import Layout
from microscope.lens.relevancy import Relevancy, relevancy
from microscope.lens.rows import taught
from microscope.lens.subject import Subject, placed

# Of a long answer, so many tokens stand for the whole where each costs a backward pass, or attention rows.
MOST_BACKWARDS, MOST_ROWS = 4, 16


@dataclass(frozen=True)
class Estimate:
    """A map as far as it is known, shape (cells,), and how many of all steps are in it."""

    values: torch.Tensor
    done: int = 1
    total: int = 1


@dataclass
class Context:
    """What methods may use: the subject, a blank picture's inputs, and the geometry.

    `known` are attention rows of the answer's first tokens, shape (tokens, layers, heads, cells), where they were
    kept while it was produced. What several methods need is computed once; what that took is in `shared`, by tier.
    """

    subject: Subject
    blank: dict[str, torch.Tensor]
    layout: Layout
    known: torch.Tensor | None = None
    seed: int = 0
    steps: int | None = None
    shared: dict[str, Cost] = field(default_factory=dict)
    _rows: dict[int, torch.Tensor] = field(default_factory=dict)
    _blank_rows: dict[int, torch.Tensor] = field(default_factory=dict)
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
    def prior(self) -> torch.Tensor:
        """Return the answer's log-probabilities with a blank picture, shape (tokens,)."""
        if len(self.subject.answer) > MOST_ROWS:
            with torch.no_grad():
                return self.subject.forward(**self.blank_inputs)
        # Few rows are wanted soon, and come with the same pass.
        with self._counted(ATTENTION):
            scores, rows = taught(self.subject, replaced=self.blank_inputs)
        self._blank_rows.update(enumerate(rows))
        return scores

    def rows_of(self, tokens: Sequence[int]) -> torch.Tensor:
        """Return attention rows of answer tokens, shape (tokens, layers, heads, cells)."""
        if self.known is not None:
            self._rows.update((token, self.known[token]) for token in tokens if token < len(self.known))
        return self._taught(tokens, self._rows, {})

    def blank_rows_of(self, tokens: Sequence[int]) -> torch.Tensor:
        """Return attention rows of the same tokens with a blank picture, shaped as `rows_of`."""
        return self._taught(tokens, self._blank_rows, self.blank_inputs)

    def _taught(
        self, tokens: Sequence[int], kept: dict[int, torch.Tensor], replaced: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        missing = [token for token in tokens if token not in kept]
        if missing:
            with self._counted(ATTENTION):
                _, rows = taught(self.subject, missing, replaced)
            kept.update(zip(missing, rows, strict=True))
        return torch.stack([kept[token] for token in tokens])

    def chosen(self, token: int | None, most: int = MOST_ROWS) -> tuple[int, ...]:
        """Return the answer tokens that a map is made of: the target's, at most so many.

        Of more, those whose probability the picture raised most.
        """
        tokens = self.tokens_of(token)
        if len(tokens) <= most:
            return tokens
        raised = (self.subject.plain - self.prior).argsort(descending=True, stable=True)
        return tuple(sorted(raised[:most].tolist()))

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
            with self._counted(RELEVANCE):
                found = relevancy(self.subject, missing)
            pairs = zip(found.carried, found.last_rows, strict=True)
            self._relevancy.update(zip(missing, pairs, strict=True))
        known = [self._relevancy[token] for token in tokens]
        return Relevancy(torch.stack([one for one, _ in known]), torch.stack([one for _, one in known]))

    @contextmanager
    def _counted(self, tier: str) -> Iterator[None]:
        """Keep what is spent inside as the cost of what maps of a tier share."""
        start, before = time.perf_counter(), self.subject.passes
        yield
        self.shared[tier] = Cost(time.perf_counter() - start, *self.subject.since(before))

    def logprob(self, scores: torch.Tensor, token: int | None) -> torch.Tensor:
        """Return the mean log-probability of the target's tokens, from (..., tokens) to (...)."""
        return scores[..., list(self.tokens_of(token))].mean(-1)


class Described(Protocol):
    """What a method says of itself, and what a page needs to show its maps."""

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


class Method(Described, Protocol):
    """A way to say which image tokens an answer rests on; one file, one object, listed in `METHODS`."""

    @property
    def passes(self) -> int:
        """Return about how many passes over the prompt it takes; a backward pass counts as two."""
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
    # How many passes over the prompt it takes, for estimates; a backward pass counts as two.
    passes: int = 1
