"""Where the swapping of checkpoints stands, for whoever shows it: frozen, plain, and in sentences."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from microscope.serve.hotswap.record import Decision


class State(Enum):
    """What became of a checkpoint at the last reload, or what is done with it now."""

    UNCHANGED = "unchanged"
    NEW = "new"
    EDITED = "edited"
    GONE = "gone"
    WAITING = "waiting"
    FETCHING = "fetching"
    EVALUATING = "evaluating"
    LOADING = "loading"
    SWITCHED = "switched"
    KEPT = "kept"
    STAGED = "staged"
    FAILED = "failed"


@dataclass(frozen=True)
class Row:
    """One checkpoint: what answers now, what could instead, and what is done about it.

    `current` and `candidate` are commits as an answer's facts tell them (`base+adapter` of an adapter), `sha256:...`
    of a folder, or empty where nobody knows. `done` of `total` are bytes while FETCHING, answers while EVALUATING.
    `can_switch` and `can_undo` tell whether the owner could do that now.
    """

    key: str
    label: str
    source: str
    state: State = State.UNCHANGED
    sentence: str = ""
    current: str = ""
    candidate: str = ""
    outcome: str = ""
    can_switch: bool = False
    can_undo: bool = False
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class Standing:
    """Everything at once: what happens now or how the last reload ended, each checkpoint, and the last decisions.

    `finished` is when the last reload ended (UTC, empty: none has), `by` who asked for what was done last. `staging`:
    nothing can be packed again here, so what is decided holds from the next start on. `decisions` are newest first.
    """

    busy: bool = False
    sentence: str = ""
    failed: bool = False
    by: str = ""
    finished: str = ""
    staging: bool = False
    rows: tuple[Row, ...] = ()
    decisions: tuple[Decision, ...] = ()
