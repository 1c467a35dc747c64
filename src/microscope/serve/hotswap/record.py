"""The journal of decisions about checkpoints, one line each, appended and never changed; decides nothing.

A line that is not whole, as a process leaves it that is killed while it writes, is passed over.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from microscope.errors import UserError
from microscope.serve.hotswap.places import Place

log = logging.getLogger("microscope")

FILE = "decisions.jsonl"
SWITCHED, KEPT, STAGED, UNDONE = "switched", "kept", "staged", "undone"
ACTIONS = (SWITCHED, KEPT, STAGED, UNDONE)


@dataclass(frozen=True)
class Judgement:
    """What an evaluation says of a candidate: how it ends, on what, and the candidate's score less the current one's.

    `outcome` is that of an analysis with a baseline, empty where none was made; `digest` is the set's, so that the
    same question is not asked twice.
    """

    outcome: str = ""
    set: str = ""
    digest: str = ""
    n: int = 0
    images: int = 0
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    verdict: str = ""


@dataclass(frozen=True)
class Decision:
    """One decision about a checkpoint of the catalogue, which asks for it at `asked`.

    `current` answered when it was made, `candidate` is what it was about; where a switch was undone, `candidate` is
    what answers again. `by` is the owner's name or what else asked; `forced`: by the owner's word, whatever was found.
    """

    when: str
    key: str
    label: str
    by: str
    action: str
    asked: Place
    current: Place
    candidate: Place
    forced: bool = False
    judgement: Judgement = Judgement()
    sentence: str = ""

    @property
    def stands(self) -> Place:
        """Return what answers by this decision, at the latest after the next start."""
        return self.current if self.action == KEPT else self.candidate

    @property
    def refused(self) -> Place | None:
        """Return what is not to answer by this decision, unless the owner says so; None where nothing was refused."""
        return {KEPT: self.candidate, UNDONE: self.current}.get(self.action)


class Record:
    """Reads and appends the decisions in a folder; safe from any number of threads."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()

    def add(self, decision: Decision) -> None:
        """Append a decision; a `UserError` where it cannot be kept, for what is not recorded must not be done."""
        line = json.dumps(asdict(decision), ensure_ascii=False, separators=(",", ":")) + "\n"
        try:
            with self._lock:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("ab+") as file:
                    # Behind half a line, a line of its own.
                    torn = file.tell() > 0 and _last_byte(file.fileno(), file.tell()) != b"\n"
                    file.write((b"\n" if torn else b"") + line.encode("utf-8"))
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            raise UserError(
                f"The decision cannot be recorded ({error.strerror}), so nothing was switched: let the app write into "
                "the folder of MICROSCOPE_DATA."
            ) from error

    def decisions(self) -> tuple[Decision, ...]:
        """Return all decisions, the oldest first."""
        try:
            with self._lock:
                lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return ()
        except OSError as error:
            log.warning("The decisions about checkpoints cannot be read: %s", error)
            return ()
        return tuple(_read(lines))


def last_of(decisions: tuple[Decision, ...], key: str, asked: Place) -> Decision | None:
    """Return the decision that holds for a checkpoint: the last one, where the catalogue still asks for the same."""
    found = next((decision for decision in reversed(decisions) if decision.key == key), None)
    return found if found is not None and found.asked == asked else None


def switch_of(decisions: tuple[Decision, ...], key: str, asked: Place) -> Decision | None:
    """Return the switch of a checkpoint that can be undone: the last one, whatever was left as it was since."""
    for decision in reversed(decisions):
        if decision.key != key or (decision.action == KEPT and decision.asked == asked):
            continue
        return decision if decision.action in (SWITCHED, STAGED) and decision.asked == asked else None
    return None


def _last_byte(file: int, size: int) -> bytes:
    return os.pread(file, 1, size - 1)


def _read(lines: list[bytes]) -> Iterator[Decision]:
    for number, line in enumerate(lines, 1):
        try:
            yield _decision(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError):
            log.warning("Line %d of %s is damaged and is passed over.", number, FILE)


def _decision(data: dict[str, Any]) -> Decision:
    places: dict[str, Any] = {name: Place(**data.pop(name)) for name in ("asked", "current", "candidate")}
    decision = Decision(judgement=Judgement(**data.pop("judgement")), **data, **places)
    if decision.action not in ACTIONS:
        raise ValueError(f"{decision.action!r} is no action")
    return decision
