"""Answers with the part of the image tokens that a map keeps, as runs over sets ask for it; knows no set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from microscope.engine.answers import Answerer
from microscope.errors import UserError
from microscope.lens.events import LensEvent
from microscope.lens.findings import Change
from microscope.lens.inquiry import Inquiry, inquire
from microscope.lens.lens import Lens
from microscope.records import Answer, AnswerRequest, State

NOTHING = "The lens found nothing; try again."


@dataclass(frozen=True)
class LensKeeper:
    """Keeps the image tokens that a method's map of the whole answer ranks first."""

    lens: Lens
    method: str = "relevance"

    @property
    def how(self) -> str:
        """Return what decides which tokens are kept."""
        return f"the {self.method} map of the whole answer"

    def over(self, answerer: Answerer) -> LensKeeper:
        """Return the same that asks the checkpoints of this answerer."""
        return replace(self, lens=replace(self.lens, answerer=answerer))

    def answers(self, request: AnswerRequest, share: float) -> Iterator[Answer | None]:
        """Yield None while it looks, and at the end the answer of the request's one checkpoint."""
        last: LensEvent | None = None
        for event in inquire(self.lens, request, Inquiry(self.method, keep=share)):
            last = event
            yield None
        if last is None or last.event.state is State.FAILED or last.finding is None or last.change is None:
            raise UserError((last.event.message if last is not None else "") or NOTHING)
        yield _kept(last.finding.answer, last.change, request.settings.max_new_tokens)


def _kept(whole: Answer, change: Change, most: int) -> Answer:
    """Return the answer without the rejected tokens; its times are those of the look."""
    cut = len(change.tokens) >= most
    facts = replace(whole.facts, tokens=len(change.tokens), finish="length" if cut else "end")
    return replace(whole, text=change.text, tokens=change.tokens, facts=facts, address="", computed="now")
