"""The board on which the one who swaps writes and everybody reads; decides nothing. State lives in the process."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from microscope.serve.hotswap.record import Decision
from microscope.serve.hotswap.standing import Row, Standing, State

SHOWN_DECISIONS = 50
UNDER_WAY = (State.WAITING, State.FETCHING, State.EVALUATING, State.LOADING)


class Board:
    """Holds the standing of this moment; each change replaces it as a whole."""

    def __init__(self, *, staging: bool = False) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, Row] = {}
        self._standing = Standing(staging=staging)

    def standing(self) -> Standing:
        """Return where everything stands."""
        with self._lock:
            return replace(self._standing, rows=tuple(self._rows.values()))

    def begin(self, sentence: str, by: str) -> None:
        """Say what is done now, and by whose wish."""
        with self._lock:
            self._standing = replace(self._standing, busy=True, sentence=sentence, failed=False, by=by)

    def end(self, sentence: str, *, failed: bool = False, finished: str = "") -> None:
        """Say how it ended; `finished` is when, where it was a reload. What broke off on the way failed."""
        with self._lock:
            for row in tuple(self._rows.values()) if failed else ():
                if row.state in UNDER_WAY:
                    self._rows[row.key] = replace(row, state=State.FAILED, sentence=sentence, done=0, total=0)
            when = finished or self._standing.finished
            self._standing = replace(self._standing, busy=False, sentence=sentence, failed=failed, finished=when)

    def decided(self, decisions: tuple[Decision, ...]) -> None:
        """Show the last decisions."""
        newest = tuple(reversed(decisions))[:SHOWN_DECISIONS]
        with self._lock:
            self._standing = replace(self._standing, decisions=newest)

    def fill(self, rows: Iterable[Row]) -> None:
        """Show these rows and no others."""
        found = {row.key: row for row in rows}
        with self._lock:
            self._rows = found

    def put(self, row: Row) -> None:
        """Show a row in the place of the one of its key, or at the end."""
        with self._lock:
            self._rows[row.key] = row

    def change(self, key: str, **changes: Any) -> None:  # noqa: ANN401  (the fields of a row)
        """Change a row that is shown."""
        with self._lock:
            if key in self._rows:
                self._rows[key] = replace(self._rows[key], **changes)

    def counts(self) -> dict[str, int]:
        """Return how many rows are in each state."""
        with self._lock:
            return dict(Counter(row.state.value for row in self._rows.values()))
