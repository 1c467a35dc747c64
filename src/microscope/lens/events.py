"""What is told while the lens works: plain data for pages, programs and the command line."""

from __future__ import annotations

from dataclasses import dataclass

from microscope.lens.findings import Change, Finding, ReadOut
from microscope.records import AnswerEvent, State


@dataclass(frozen=True)
class LensEvent:
    """A change in what is known of one checkpoint.

    `event` is where its work stands, as for an answer: DONE ends it, FAILED carries the sentence to show. `finding`
    is what is known so far, `change` the answer without some patches, `readout` what a patch reads as, `score` the
    natural-log probabilities of another answer's tokens; each is None where it is not what was asked, or not yet.
    """

    event: AnswerEvent
    finding: Finding | None = None
    change: Change | None = None
    readout: ReadOut | None = None
    score: tuple[float, ...] | None = None

    @property
    def checkpoint(self) -> str:
        """Return the checkpoint's key."""
        return self.event.checkpoint

    @property
    def done(self) -> bool:
        """Tell whether it came to its end as it should."""
        return self.event.state is State.DONE

    @property
    def over(self) -> bool:
        """Tell whether nothing more comes of this checkpoint."""
        return self.event.state in (State.DONE, State.FAILED)
