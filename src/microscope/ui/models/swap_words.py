"""Every sentence that the page adds to those of swapping checkpoints; knows no component and no state of its own."""

from __future__ import annotations

from microscope.evaluation.analyse.phrases import counted, listed, points, size, span
from microscope.evaluation.analysis import BETTER, NOT_WORSE, UNCLEAR, WORSE, Estimate
from microscope.serve.hotswap.record import KEPT, STAGED, SWITCHED, UNDONE, Judgement
from microscope.serve.hotswap.standing import Row, State
from microscope.ui import text

HEADING = "Reload checkpoints"
HINT = (
    "Reads the catalogue again and asks the Hub what is newer, without a restart. What changed is fetched and held "
    "against what answers now, on a set of questions; it takes over only where it is no worse. Visitors notice "
    "nothing meanwhile."
)
LOOK = "Look for new checkpoints"
SWITCH, AGAIN, STAGE, UNDO = "Switch anyway", "Switch again", "Switch at the next restart", "Undo"
NEVER = "Nothing was looked for since the start."
ROWS = "What was found, by checkpoint"
RECORD = "Earlier decisions"
NO_RECORD = "Nothing was decided yet."
UNKNOWN, TO = "unknown", "to"
COMMITS = "Commits"
# Named in the record where no profile says who the owner is.
OWNER = "owner"

STATES = {
    State.UNCHANGED: "Unchanged",
    State.NEW: "New",
    State.EDITED: "Changed",
    State.GONE: "Gone",
    State.WAITING: "Found",
    State.FETCHING: "Fetching",
    State.EVALUATING: "Evaluating",
    State.LOADING: "Loading",
    State.SWITCHED: "Switched",
    State.KEPT: "Kept",
    State.STAGED: "At the next restart",
    State.FAILED: "Failed",
}
OUTCOMES = {BETTER: "better", NOT_WORSE: "no worse", UNCLEAR: "cannot be told", WORSE: "worse"}
ACTIONS = {
    SWITCHED: "Switched",
    KEPT: "Kept what answers",
    STAGED: "Staged for the next restart",
    UNDONE: "Taken back",
}
FACTS = ("The new one is", "Difference", "Asked", "May be worse by", "Set")


def under_way(row: Row) -> str:
    """Say what is done about a checkpoint now, without numbers: it is read out each time it changes."""
    if row.state is State.FETCHING:
        return f"Fetching {row.label}."
    if row.state is State.LOADING:
        return f"Loading {row.label}."
    if row.state is State.EVALUATING and row.total and row.done >= row.total:
        return f"Deciding about {row.label}."
    return f"Evaluating {row.label} against what answers now." if row.state is State.EVALUATING else ""


def progress(row: Row) -> str:
    """Say how far that is, in bytes or answers; nothing while nobody knows."""
    if not row.total:
        return ""
    if row.state is State.FETCHING:
        return f"{text.megabytes(row.done)} of {text.megabytes(row.total)}"
    return f"{row.done:,} of {counted(row.total, 'answer')}" if row.state is State.EVALUATING else ""


def unchanged(labels: list[str]) -> str:
    """Say of which checkpoints nothing newer is known; nothing where there are none."""
    return f"Nothing newer is known of {listed(labels)}." if labels else ""


def looked(by: str, when: str) -> str:
    """Say who asked for what was done last, and when the last reload ended."""
    return f"Asked for by {by}; the last reload ended {when}."


def judged(judgement: Judgement) -> list[tuple[str, str]]:
    """Return what an evaluation found, as names and values; nothing where there was none."""
    if judgement.difference is None:
        return []
    between = span(Estimate(judgement.difference, judgement.low, judgement.high))
    inside = f" ({between})" if between else ""
    asked = f"{counted(judgement.n, 'question')} about {counted(judgement.images, 'image')}"
    margin = "" if judgement.margin is None else size(judgement.margin)
    outcome = OUTCOMES.get(judgement.outcome, judgement.outcome)
    values = (outcome, f"{points(judgement.difference)}{inside}", asked, margin, judgement.set)
    return [(name, value) for name, value in zip(FACTS, values, strict=True) if value]


def by_hand(row: Row, *, staging: bool) -> str:
    """Return what the button says by which the owner overrules what was decided about a checkpoint."""
    if staging:
        return STAGE
    return AGAIN if row.outcome in (BETTER, NOT_WORSE) else SWITCH


def moment(when: str) -> str:
    """Return a moment as people read it: `2026-11-29 07:12 UTC`."""
    return f"{when[:16].replace('T', ' ')} UTC"
