"""Every sentence that people read about swapping checkpoints; knows no state."""

from __future__ import annotations

from collections.abc import Mapping

from microscope.serve.hotswap.record import KEPT, STAGED, SWITCHED, UNDONE, Decision

STAGING = (
    "On ZeroGPU weights are packed before launch, and no visitor's quota may be spent in the background: a new "
    "checkpoint is fetched, not evaluated, and answers after the next restart once you stage it."
)
READING = "Reads the catalogue and asks the Hub what is newer."
GATHERING = "Waits a moment for more that may come from the Hub."
SWITCHING, UNDOING = "Switches {key}.", "Takes the last switch of {key} back."
CLOSED = "The app is being shut down; nothing was begun."
STOPPED = "It was stopped on the way; what was decided until then holds, and what was answered is kept."
BUSY = "Checkpoints are being looked at already; wait until that is done."
NOTHING_NEWER = "Nothing newer was found."
NO_CANDIDATE = "Nothing newer is known of {key}; reload the catalogue first."
NOTHING_TO_UNDO = "Nothing was switched that could be taken back for {key}."
UNKNOWN = "There is no checkpoint {key!r} in the catalogue; choose one of the list."
SAME_FILES = "Its files are the same, so its answers are."
NEW = "{label} is new and is offered now."
EDITED = "The catalogue says other things of {label} than before; they hold from now on."
REPLACED = "The files in the folder of {label} are others than before; it answers with them already."
GONE = "{label} left the catalogue and is not offered any more."
WAITING = "{candidate} was found; its turn comes."
FETCHING = "Fetches {candidate}; {current} goes on meanwhile."
LOADING = "Loads {candidate}; {current} goes on meanwhile."
FETCHING_NEW = "Fetches {label}, which is new."
EVALUATING = "Holds {candidate} against {current}, which goes on meanwhile."
NOT_LOOKED_UP = "{label} stays as it is. {reason}"
BY_HAND = "Switch to {candidate} by hand to have it all the same."
COUNTS = {
    "new": "new",
    "edited": "edited",
    "gone": "gone",
    "switched": "switched",
    "staged": "staged for the next restart",
    "kept": "kept as it was",
    "failed": "failed",
}


def nothing_read(reason: str) -> str:
    """Return why a catalogue that was read again changes nothing: it would leave nothing to offer."""
    why = reason or "It names no checkpoint for this hardware."
    return f"The catalogue as it was read leaves nothing to offer: {why}"


def unchanged(problem: str) -> str:
    """Return why a reload changed nothing."""
    return f"Nothing was changed. {problem}"


def told(decision: Decision) -> str:
    """Return a decision in a sentence."""
    current, candidate = decision.current.name, decision.candidate.name
    verdict = f" {decision.judgement.verdict}" if decision.judgement.verdict else ""
    word = f" by the word of {decision.by}" if decision.forced else ""
    if decision.action == SWITCHED:
        return f"{candidate} answers now{word} in place of {current}.{verdict}"
    if decision.action == STAGED:
        return (
            f"{candidate} is staged{word}: it is packed and answers after the next restart; until then {current} "
            f"goes on.{verdict}"
        )
    if decision.action == UNDONE:
        return f"{candidate} answers again: {current} was taken back by {decision.by}."
    if not decision.judgement.outcome:
        return f"{candidate} is there and was not evaluated; {current} goes on until you stage the new one."
    return f"{current} goes on.{verdict} {BY_HAND.format(candidate=candidate)}"


def called_off(decision: Decision) -> str:
    """Return what a switch means to what answers already, and would have gone at the next restart."""
    return f"{decision.candidate.name} goes on, after the next restart as well: {decision.current.name} stays away."


def goes_back(decision: Decision) -> str:
    """Return what an undone switch means where nothing can be packed again."""
    return f"{decision.candidate.name} answers again after the next restart; until then {decision.current.name} does."


def dropped(decision: Decision) -> str:
    """Return what an undone switch means that had not taken effect."""
    return f"{decision.current.name} is not staged any more: {decision.candidate.name} goes on."


def took_effect(decision: Decision) -> str:
    """Return what a decision means at the start after it."""
    when = decision.when.partition("T")[0]
    kind = {SWITCHED: "switched to", STAGED: "staged", KEPT: "held on to", UNDONE: "gone back to"}[decision.action]
    return f"{decision.stands.name} answers, {kind} on {when} by {decision.by}."


def goes_on(current: str, reason: str) -> str:
    """Return why a candidate does not answer."""
    return f"{current} goes on. {reason}"


def not_offered(label: str, reason: str) -> str:
    """Return why a new checkpoint is not offered."""
    return f"{label} is new and is not offered yet. {reason}"


def counted(counts: Mapping[str, int]) -> str:
    """Return how a reload ended, from how many checkpoints are in each state."""
    parts = [f"{count} {COUNTS[state]}" for state, count in counts.items() if count and state in COUNTS]
    if not parts:
        return NOTHING_NEWER
    return f"Reloaded: {', '.join(parts)}."
