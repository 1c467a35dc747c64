"""One checkpoint's work under the lens: turns what comes through the door into what is known; knows no door."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from microscope.engine.generate import Finished, Piece
from microscope.engine.pending import Pending
from microscope.engine.using import Failed, Loading, Queued, Ready, Restarted
from microscope.lens.asks import Begun, Chanced, Gathered, Laid, Over, ReadAs, Scored, Seen, Update, Weighed
from microscope.lens.events import LensEvent
from microscope.lens.findings import Change, Finding, Heat, ReadOut
from microscope.lens.layout import Layout
from microscope.lens.selection import Selection
from microscope.records import Answer, AnswerEvent, State, Token


@dataclass
class Case:
    """What is being found out: `pending` is the answer in the making, `selection` what is rejected.

    `finding` is what is known; of a first look nothing is until the answer is there. `seconds` is what the look took
    from then on.
    """

    pending: Pending
    label: str
    size: tuple[int, int]
    layout: Layout | None
    finding: Finding | None = None
    selection: Selection | None = None
    over: bool = False
    failed: bool = False
    answer: Answer | None = None
    seconds: float = 0.0
    _began: float = 0.0
    _change: Change | None = None
    _readout: ReadOut | None = None
    _score: tuple[float, ...] | None = None
    _answering: str = ""

    @property
    def key(self) -> str:
        """Return the checkpoint's key."""
        return self.pending.key

    def again(self) -> Case:
        """Return a case of the same checkpoint, with what is known, for something else that is asked."""
        old = self.pending
        fresh = Pending(old.key, old.local, old.processor, old.prepared, old.address, old.settings)
        return Case(fresh, self.label, self.size, self.layout, self.finding)

    def take(self, update: Update) -> Iterator[LensEvent]:
        """Take in an update and yield what there is to tell."""
        if isinstance(update, Laid):
            self.layout = update.layout
        elif isinstance(update, Seen):
            self._began = time.monotonic()
            self._see(update)
            yield self.told()
        elif isinstance(update, Chanced):
            self.finding = None if self.finding is None else replace(self.finding, chance=update.chance)
        elif isinstance(update, Gathered):
            self._gather(update.heat)
            yield self.told()
        elif isinstance(update, Begun):
            self._keep_words()
            self._answering = update.what
        elif isinstance(update, Weighed):
            self._weigh(update)
        elif isinstance(update, ReadAs):
            decode = self.pending.processor.tokenizer.decode
            layers = tuple(tuple((decode([one]), share) for one, share in layer) for layer in update.layers)
            self._readout = ReadOut(update.cell, layers)
        elif isinstance(update, Scored):
            self._score = update.logprobs
        elif isinstance(update, Over):
            self._keep_words()
            self.over = True
            self.seconds = time.monotonic() - self._began if self._began else 0.0
            yield self.told(State.DONE)
        else:
            yield self._pass_on(update)

    def told(self, state: State = State.GENERATING) -> LensEvent:
        """Return everything that is known."""
        text = self.finding.answer.text if self.finding is not None else self.pending.growing_text
        answer = self.finding.answer if self.finding is not None else None
        event = AnswerEvent(self.key, state, text, answer=answer)
        return LensEvent(event, self.finding, self._change, self._readout, self._score)

    def fail(self, message: str) -> LensEvent:
        """Return the end of a case that failed, with what is known all the same."""
        self.over = self.failed = True
        return replace(self.told(), event=AnswerEvent(self.key, State.FAILED, self.pending.text, message=message))

    def _pass_on(self, update: Queued | Loading | Ready | Piece | Finished | Restarted | Failed) -> LensEvent:
        if isinstance(update, Failed):
            return self.fail(update.message)
        event = self.pending.take(update)
        if event.answer is not None:
            if self._answering:
                # Without patches it answers something else, which is never kept as its answer.
                event = replace(event, answer=None)
            else:
                self.answer = event.answer
            # An answer is there, and what follows from it is not.
            event = replace(event, state=State.GENERATING)
        return LensEvent(event, self.finding, self._change)

    def _weigh(self, weighed: Weighed) -> None:
        if self.selection is None:
            raise ValueError("the answer was weighed without tokens, and none was rejected")
        weights = (weighed.before, weighed.after, weighed.pixels_after)
        self._change = Change(self.selection.rule, self.selection.rejected, "", (), "", (), *weights)

    def _see(self, seen: Seen) -> None:
        if self.answer is None or self.layout is None:
            raise ValueError("what the answer attended to came before the answer or its layout")
        self.finding = Finding(
            self.key,
            self.label,
            self.answer,
            self.layout,
            self.size,
            seen.rows,
            seen.prior,
            vision=seen.vision,
            address=self.pending.address,
        )

    def _gather(self, heat: Heat) -> None:
        if self.finding is not None:
            merged = {(one.method, one.token): one for one in (*self.finding.heats, heat)}
            self.finding = replace(self.finding, heats=tuple(merged.values()))

    def _keep_words(self) -> None:
        """Keep what was answered without patches, and make room for the next answer."""
        if self._change is None or not self._answering:
            return
        pending = self.pending
        decode = pending.processor.tokenizer.decode
        pairs = zip(pending.ids, pending.logprobs, strict=True)
        tokens = tuple(Token(one, decode([one]), logprob) for one, logprob in pairs)
        text = pending.text
        if self._answering == "without":
            self._change = replace(self._change, text=text, tokens=tokens)
        else:
            self._change = replace(self._change, pixels_text=text, pixels_tokens=tokens)
        pending.ids.clear()
        pending.logprobs.clear()
