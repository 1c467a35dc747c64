"""The comparisons of one visit, newest first; lives in the visit's state and knows no component."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone

from microscope.errors import UserError
from microscope.records import Comparison

MOST_COMPARISONS = 30
MOST_PICTURE_BYTES = 64 * 1024**2
QUESTION_LENGTH = 60


@dataclass(frozen=True)
class History:
    """At most 30 comparisons, newest first, whose pictures take at most 64 MiB; the oldest are dropped.

    A picture that was asked about several times is held and counted once. The newest comparison always stays.
    """

    comparisons: tuple[Comparison, ...] = ()

    def add(self, comparison: Comparison) -> History:
        """Return the history with a comparison in front, and without what is now too much."""
        digest = comparison.picture.digest
        held = next((one.picture for one in self.comparisons if one.picture.digest == digest), comparison.picture)
        kept: list[Comparison] = []
        pictures: dict[str, int] = {}
        for one in (replace(comparison, picture=held), *self.comparisons[: MOST_COMPARISONS - 1]):
            pictures[one.picture.digest] = len(one.picture.rgb)
            if kept and sum(pictures.values()) > MOST_PICTURE_BYTES:
                break
            kept.append(one)
        return History(tuple(kept))

    def get(self, index: int) -> Comparison:
        """Return the comparison at a place in the list, 0 the newest; raises `UserError` where there is none."""
        if not 0 <= index < len(self.comparisons):
            raise UserError("This comparison is not in the history any more: choose another one.")
        return self.comparisons[index]

    def titles(self) -> list[str]:
        """Return one line for each comparison, newest first: time in UTC, question, how many checkpoints."""
        return [_title(one) for one in self.comparisons]


def _title(comparison: Comparison) -> str:
    count = len(comparison.outcomes)
    checkpoints = "1 checkpoint" if count == 1 else f"{count} checkpoints"
    return f"{_time(comparison.when)} · {_shortened(comparison.question)} · {checkpoints}"


def _time(when: str) -> str:
    """Return the time of day; Python 3.10 reads no Z."""
    moment = datetime.fromisoformat(when.replace("Z", "+00:00"))
    return f"{moment.astimezone(timezone.utc):%H:%M} UTC" if moment.tzinfo else f"{moment:%H:%M} UTC"


def _shortened(question: str) -> str:
    line = " ".join(question.split())
    return line if len(line) <= QUESTION_LENGTH else line[: QUESTION_LENGTH - 1].rstrip() + "…"
