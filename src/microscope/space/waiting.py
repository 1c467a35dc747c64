"""Waits until one commit of a Space runs, and tells from its log why it does not; knows neither payloads nor checks.

A Space that runs is no proof: for a while after a commit the Hub still tells the state of the commit before. So a
state counts only where the Hub says that it is our commit's, where another state was seen since, or where the app
itself tells the new digest.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from microscope.errors import UserError
from microscope.space.causes import cause_of, clean, tail
from microscope.space.errors import UnreachableError
from microscope.space.hub import Runtime, SpaceHub

log = logging.getLogger("microscope")

RUNNING, STOPPED, PAUSED = "RUNNING", "STOPPED", "PAUSED"
BUILDING = ("BUILDING", "RUNNING_BUILDING")
STARTING = ("APP_STARTING", "RUNNING_APP_STARTING")
ON_THE_WAY = BUILDING + STARTING
BROKEN = ("BUILD_ERROR", "CONFIG_ERROR", "RUNTIME_ERROR", "NO_APP_FILE", "DELETING")
# How long a state that was there before the commit may stay before it counts as the commit's own.
GRACE_SECONDS = 120.0
SETTLE_SECONDS = 30 * 60.0

Kind = Literal["build", "run"]
# Tells whether what answers at the Space's address is the new commit's app; None where nothing answers.
Proof = Callable[[], bool | None]

WORDS = {
    "BUILDING": "is being built",
    "RUNNING_BUILDING": "is being built; what ran before still answers",
    "APP_STARTING": "starts",
    "RUNNING_APP_STARTING": "starts; what ran before still answers",
    "STOPPED": "is asleep",
    "PAUSED": "is paused",
    "RUNNING": "runs",
    "BUILD_ERROR": "could not be built",
    "CONFIG_ERROR": "has a head of README.md that the Hub does not accept",
    "RUNTIME_ERROR": "stopped with an error",
    "NO_APP_FILE": "has no app file",
    "DELETING": "is being deleted",
}


class DeployFailedError(UserError):
    """A commit does not run: the sentence has the cause and what to do, `log` the last lines, safe to print."""

    def __init__(self, sentence: str, lines: tuple[str, ...] = (), stage: str = "") -> None:
        super().__init__(sentence)
        self.log = lines
        self.stage = stage


class OvertakenError(UserError):
    """Somebody else's commit came on top of ours, so that what becomes of ours is theirs to decide."""


def _silent(_line: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Watch:
    """How long to wait and how often to look, in seconds; the clock, the pause, and who is told of progress."""

    timeout_seconds: float = 45 * 60.0
    poll_seconds: float = 5.0
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    tell: Callable[[str], None] = _silent


@dataclass(frozen=True)
class Before:
    """How a Space stood before a commit: its runtime, and the logs that are therefore not the commit's."""

    runtime: Runtime
    logs: dict[Kind, tuple[str, ...]] = field(default_factory=dict)


def look(hub: SpaceHub) -> Before:
    """Return how a Space stands now, to be taken before a commit."""
    return Before(hub.runtime(), {"build": lines_of(hub, "build"), "run": lines_of(hub, "run")})


def settle(hub: SpaceHub, watch: Watch, most_seconds: float = SETTLE_SECONDS) -> None:
    """Wait until no earlier commit is being built or started; a UserError says so where that takes too long."""
    end, said = watch.clock() + most_seconds, ""
    while (stage := hub.runtime().stage) in ON_THE_WAY:
        if stage != said:
            watch.tell(f"{hub.space} {WORDS[stage]}: an earlier deploy is on its way; waiting until it is done.")
            said = stage
        if watch.clock() >= end:
            raise UserError(
                f"{hub.space} is still busy with an earlier commit after {_minutes(most_seconds)}: see its log on "
                f"{hub.page}, restart it there if it is stuck, and deploy again; nothing was changed."
            )
        watch.pause(watch.poll_seconds)


def wait_until_running(
    hub: SpaceHub,
    commit: str,
    before: Before,
    watch: Watch,
    proof: Proof | None = None,
) -> Runtime:
    """Wait until `commit` runs, and return the runtime that says so.

    `before` is how the Space stood before that commit. `proof` asks the app itself, and only where the Hub does not
    tell which commit it is that runs.

    Raises DeployFailedError where the commit cannot run or does not in time, and OvertakenError where another commit
    came on top of it. Failures to reach the Hub are outlasted until then.
    """
    return _Wait(hub, commit, before, watch, proof).run()


def failure_of(hub: SpaceHub, runtime: Runtime) -> DeployFailedError:
    """Return the error for a state in which nothing runs: its cause, what to do, and the end of the log."""
    words = WORDS.get(runtime.stage, f"is at {runtime.stage}")
    if runtime.stage == PAUSED:
        said = f"{hub.space} {words}, and only its owner can resume it: restart it on {hub.page}."
        return DeployFailedError(said, (), PAUSED)
    lines = lines_of(hub, "run" if runtime.stage == "RUNTIME_ERROR" else "build")
    cause = cause_of(lines, runtime.stage, runtime.error)
    return DeployFailedError(f"{hub.space} {words}: {cause}", tail(lines), runtime.stage)


class _Wait:
    """One wait: what was seen so far, and what was told."""

    def __init__(self, hub: SpaceHub, commit: str, before: Before, watch: Watch, proof: Proof | None) -> None:
        self._hub, self._commit, self._before, self._watch, self._proof = hub, commit, before, watch, proof
        self._start = watch.clock()
        self._logs = dict(before.logs)
        self._told = ""
        self._moved = False
        self._woken: float | None = None
        self._last: Runtime | None = None

    def run(self) -> Runtime:
        while True:
            runtime = self._ask()
            if runtime is not None and self._runs(runtime):
                return runtime
            if self._elapsed() >= self._watch.timeout_seconds:
                raise self._late()
            self._watch.pause(self._watch.poll_seconds)

    def _ask(self) -> Runtime | None:
        """Return the state, having told what is new; None where the Hub cannot be reached for now."""
        try:
            head = self._hub.head()
            runtime = self._hub.runtime()
        except UnreachableError as error:
            self._say(f"{error} Still asking.")
            return None
        if head != self._commit:
            raise OvertakenError(
                f"Another commit, {head[:7]}, came on top of {self._commit[:7]} on {self._hub.space}: another deploy "
                "took over, and nothing was rolled back; see on its page who made it."
            )
        self._last = runtime
        self._moved = self._moved or runtime.stage != self._before.runtime.stage
        self._say(f"{self._hub.space} {WORDS.get(runtime.stage, f'is at {runtime.stage}')}.")
        if runtime.stage in ON_THE_WAY:
            self._tell_log("build" if runtime.stage in BUILDING else "run")
        return runtime

    def _runs(self, runtime: Runtime) -> bool:
        """Tell whether our commit runs; raises DeployFailedError where it will not."""
        if runtime.stage == RUNNING:
            return self._is_ours(runtime)
        if runtime.stage == STOPPED:
            self._wake()
        elif runtime.stage in (*BROKEN, PAUSED) and self._is_new(runtime):
            raise failure_of(self._hub, runtime)
        return False

    def _is_ours(self, runtime: Runtime) -> bool:
        """Tell whether what runs is our commit, and not the one before."""
        if runtime.sha is not None:
            return runtime.sha == self._commit
        proven = self._proof() if self._proof is not None else None
        return self._moved if proven is None else proven

    def _is_new(self, runtime: Runtime) -> bool:
        """Tell whether a state is our commit's; one that was there before it and stays becomes ours in the end.

        A Hub that tells the commit of what ran last beside the failure of the next is believed about the failure.
        """
        return runtime.sha == self._commit or self._moved or self._elapsed() >= GRACE_SECONDS

    def _wake(self) -> None:
        """Restart a Space that sleeps, once; where we may not, a visit by the proof wakes it as well."""
        now = self._watch.clock()
        if self._woken is None:
            self._woken = now
            try:
                self._hub.restart()
            except UserError:
                if self._proof is not None:
                    self._proof()
            self._watch.tell(f"Waking {self._hub.space}.")
        elif now - self._woken >= GRACE_SECONDS:
            raise DeployFailedError(
                f"{self._hub.space} is asleep and does not wake: open {self._hub.page}, restart it, and see its log.",
                self._tail("run"),
                STOPPED,
            )

    def _late(self) -> DeployFailedError:
        waited = _minutes(self._watch.timeout_seconds)
        if self._last is None:
            return DeployFailedError(
                f"The Hub did not say within {waited} whether {self._hub.space} runs: see {self._hub.page}."
            )
        stage = self._last.stage
        state = f"is still at {stage}"
        if stage == RUNNING:
            of = f"commit {self._last.sha[:7]}" if self._last.sha else "what ran before"
            state = f"still runs {of}"
        return DeployFailedError(
            f"{self._hub.space} {state} after {waited}, not commit {self._commit[:7]}: see its log on "
            f"{self._hub.page}, or give it longer with --timeout.",
            self._tail("build" if stage in BUILDING else "run"),
            stage,
        )

    def _tail(self, kind: Kind) -> tuple[str, ...]:
        return tail(lines_of(self._hub, kind))

    def _tell_log(self, kind: Kind) -> None:
        """Tell the lines that are new since the last look; a log that began anew is told from its beginning."""
        known, lines = self._logs.get(kind, ()), lines_of(self._hub, kind)
        if lines == known[: len(lines)]:
            return
        self._logs[kind] = lines
        for line in map(clean, new_lines(known, lines)):
            if line.strip():
                self._watch.tell(f"  {line}")

    def _say(self, sentence: str) -> None:
        if sentence != self._told:
            self._watch.tell(sentence)
            self._told = sentence

    def _elapsed(self) -> float:
        return self._watch.clock() - self._start


def new_lines(known: tuple[str, ...], lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return what of `lines` comes after `known`, where the log's beginning may have been left off since."""
    for overlap in range(min(len(known), len(lines)), 0, -1):
        if known[-overlap:] == lines[:overlap]:
            return lines[overlap:]
    return lines


def lines_of(hub: SpaceHub, kind: Kind) -> tuple[str, ...]:
    """Return a log; no log is no reason to stop, for it is only for the reader."""
    try:
        return tuple(hub.log(kind))
    except UserError as error:
        log.debug("no %s log of %s: %s", kind, hub.space, error)
        return ()


def _minutes(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
