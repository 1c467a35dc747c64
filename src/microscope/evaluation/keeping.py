"""Answers with a part of the image tokens: what a run asks of whoever can tell which ones matter; knows no lens."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Protocol

from microscope.engine.answers import Answerer
from microscope.records import Answer, AnswerRequest


class Keeper(Protocol):
    """Chooses the image tokens that a checkpoint's answer rests on, and answers again with those alone."""

    @property
    def how(self) -> str:
        """Return what decides which tokens are kept, in words that change when that does."""
        ...

    def over(self, answerer: Answerer) -> Keeper:
        """Return the same that asks the checkpoints of this answerer."""
        ...

    def answers(self, request: AnswerRequest, share: float) -> Iterator[Answer | None]:
        """Yield None while at work, and at the end the answer of the request's one checkpoint.

        A `UserError` says why there is none.
        """
        ...


def kept_address(address: str, share: float, how: str) -> str:
    """Return the content address of an answer that sees a share of the image tokens, from that with all of them."""
    return hashlib.sha256(f"{address} keeps {share!r} by {how}".encode()).hexdigest()
