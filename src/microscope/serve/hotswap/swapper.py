"""Swaps checkpoints in the background, one thing at a time; knows no page and no webhook.

State lives in the process: one thread while there is something to do, and the board that everybody reads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial

from microscope.engine.boundary import attempt
from microscope.errors import UserError
from microscope.serve.hotswap import words
from microscope.serve.hotswap.board import Board
from microscope.serve.hotswap.standing import Standing
from microscope.serve.hotswap.working import Work


@dataclass(frozen=True)
class _Done:
    """How a job ended, as a sentence."""

    sentence: str


@dataclass(frozen=True)
class _Job:
    """One thing to do: what it says meanwhile, who asked, and what it does, which returns how it ended."""

    sentence: str
    by: str
    run: Callable[[], str]
    after: float = 0.0
    reload: bool = False


class Swapper:
    """Carries out reloads, switches and undos for their owner; made once, before launch."""

    def __init__(self, work: Work, board: Board) -> None:
        self._work, self._board = work, board
        self._changed = threading.Condition()
        self._job: _Job | None = None
        self._next: _Job | None = None
        self._hurry = self._stopped = self._closed = False
        self._thread: threading.Thread | None = None
        work.wanted = lambda: not (self._closed or self._stopped)
        work.remember()

    def standing(self) -> Standing:
        """Return where everything stands; waits for nobody."""
        return self._board.standing()

    def reload(self, by: str, *, after: float = 0.0) -> Standing:
        """Read the catalogue again in the background; where that is under way already, it is the same one.

        Where something else is under way, or what was stopped has not ended yet, it follows as soon as that has.
        `after` waits so many seconds for others who ask the same, and is for those who may know of something that a
        reload under way has passed: then another one follows.
        """
        job = _Job(words.READING, by, lambda: self._work.reload(by), after, reload=True)
        with self._changed:
            if self._job is None:
                self._begin(job)
            elif self._stopped or not self._job.reload or (after and not self._waits()):
                self._next = self._next or job
            elif not after and self._waits():
                # Nobody who is there should wait for those who may come.
                self._job = job
                self._hurry = True
                self._changed.notify_all()
        return self.standing()

    def switch(self, key: str, by: str) -> Standing:
        """Let a checkpoint's candidate take over in the background, by the owner's word."""
        self._known(key)
        if key not in self._work.changes:
            raise UserError(words.NO_CANDIDATE.format(key=key))
        self._alone(_Job(words.SWITCHING.format(key=key), by, lambda: self._work.switch(key, by)))
        return self.standing()

    def undo(self, key: str, by: str) -> Standing:
        """Go back in the background to what answered before the last switch of a checkpoint."""
        self._known(key)
        row = next((row for row in self.standing().rows if row.key == key), None)
        if row is None or not row.can_undo:
            raise UserError(words.NOTHING_TO_UNDO.format(key=key))
        self._alone(_Job(words.UNDOING.format(key=key), by, lambda: self._work.undo(key, by)))
        return self.standing()

    def stop(self) -> Standing:
        """End what is at work at its next step, if anything is; what was decided until then holds."""
        with self._changed:
            if self._job is not None:
                self._stopped, self._next = True, None
                self._changed.notify_all()
        return self.standing()

    def repositories(self) -> frozenset[str]:
        """Return the Hub repositories that the catalogue names, now or when it could be read last."""
        places = self._work.asked.values()
        known = {name for place in places for name in (place.source, place.base)}
        named = attempt(self._work.sources.named, UserError)
        known |= named if isinstance(named, frozenset) else set()
        return frozenset(name for name in known if name is not None and not name.startswith("/"))

    def wait(self, timeout: float) -> bool:
        """Wait until nothing is at work, and tell whether that came within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._job is None, timeout)

    def close(self) -> None:
        """End what is at work at its next step, and begin nothing more."""
        with self._changed:
            self._closed, self._next = True, None
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _known(self, key: str) -> None:
        if self._work.engine.catalog.get(key) is None:
            raise UserError(words.UNKNOWN.format(key=key))

    def _waits(self) -> bool:
        return self._job is not None and self._job.after > 0 and not self._hurry

    def _alone(self, job: _Job) -> None:
        with self._changed:
            if self._job is not None:
                raise UserError(words.BUSY)
            self._begin(job)

    def _begin(self, job: _Job) -> None:
        """Start a thread for a job; holds the lock."""
        if self._closed:
            raise UserError(words.CLOSED)
        self._job, self._hurry, self._stopped = job, False, False
        self._board.begin(words.GATHERING if job.after else job.sentence, job.by)
        self._thread = threading.Thread(target=self._run, args=(job,), name="hot swap", daemon=True)
        self._thread.start()

    def _run(self, job: _Job) -> None:
        """Do a job, and those that follow it; whoever asks after the last one has a thread of their own."""
        following: _Job | None = job
        while following is not None:
            now = self._turn(following)
            following = self._end(now, attempt(partial(self._do, now), UserError))

    def _turn(self, job: _Job) -> _Job:
        """Wait until a job's time has come, and return it, or the one that took its place meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: self._hurry or not self._work.wanted(), timeout=job.after)
            self._hurry = True
            now = self._job or job
            self._board.begin(now.sentence, now.by)
            return now

    def _do(self, job: _Job) -> _Done:
        if not self._work.wanted():
            raise UserError(words.CLOSED if self._closed else words.STOPPED)
        return _Done(job.run())

    def _end(self, job: _Job, found: _Done | UserError | str) -> _Job | None:
        """Say how a job ended, and return the one that follows."""
        failed = not isinstance(found, _Done)
        sentence = found.sentence if isinstance(found, _Done) else str(found)
        with self._changed:
            self._job, self._next, self._hurry, self._stopped = self._next, None, False, False
            when = datetime.now(timezone.utc).isoformat(timespec="seconds") if job.reload else ""
            self._board.end(sentence, failed=failed, finished=when)
            if self._job is not None:
                self._board.begin(words.GATHERING if self._job.after else self._job.sentence, self._job.by)
            self._changed.notify_all()
            return self._job
