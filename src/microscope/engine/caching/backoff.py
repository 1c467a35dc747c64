"""Remembers which loads failed and when they may be tried again; knows no model and no clock."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_SECONDS, LONGEST_SECONDS = 1.0, 300.0
REMEMBERED = 256


@dataclass(frozen=True)
class Failure:
    """A load that failed: how often in a row, until when it is not tried again, and the sentence it failed with."""

    count: int
    until: float
    sentence: str


class Backoff:
    """Exponential back-off by key: 1 s after the first failure, twice as long after each further one, 300 s at most.

    A failure that is over is kept only to count the next one; a success forgets it.
    """

    def __init__(self) -> None:
        self._failures: dict[str, Failure] = {}

    def failed(self, key: str, sentence: str, now: float) -> Failure:
        """Note a failure and return it."""
        before = self._failures.pop(key, None)
        count = before.count + 1 if before is not None else 1
        wait = min(FIRST_SECONDS * 2.0 ** min(count - 1, 30), LONGEST_SECONDS)
        self._failures[key] = Failure(count, now + wait, sentence)
        while len(self._failures) > REMEMBERED:
            del self._failures[next(iter(self._failures))]
        return self._failures[key]

    def succeeded(self, key: str) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)

    def refusal(self, key: str, now: float) -> str | None:
        """Return why the key is not tried now, with the seconds until it is; None where it may be tried."""
        failure = self._failures.get(key)
        if failure is None or now >= failure.until:
            return None
        return f"{failure.sentence} It is tried again in {max(1, round(failure.until - now))} s."

    def failure(self, key: str) -> Failure | None:
        """Return the last failure of a key, None where it never failed or succeeded since."""
        return self._failures.get(key)
