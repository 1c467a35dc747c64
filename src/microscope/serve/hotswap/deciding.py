"""Whether a candidate takes over, from what is known of it; pure, and the only place where that is decided."""

from __future__ import annotations

from microscope.evaluation.analysis import BETTER, NOT_WORSE
from microscope.serve.hotswap.places import Place
from microscope.serve.hotswap.record import KEPT, STAGED, SWITCHED, UNDONE, Decision, Judgement


def decide(judgement: Judgement, *, forced: bool, staging: bool) -> str:
    """Return what becomes of a candidate: it takes over where it is shown to be no worse, or by the owner's word.

    Where nothing can be packed again (`staging`) it takes over at the next start. What cannot be told stays as it is.
    """
    if forced or judgement.outcome in (BETTER, NOT_WORSE):
        return STAGED if staging else SWITCHED
    return KEPT


def known_answer(decision: Decision | None, candidate: Place, asked: tuple[str, float] | None) -> Decision | None:
    """Return the decision that already says what becomes of a candidate; None where that is to be found out.

    What was undone stays so, as does what is staged; and what was judged on the same set by the same margin (`asked`,
    None where nothing can be judged) is not judged again.
    """
    if decision is None or candidate not in (decision.refused, decision.candidate):
        return None
    judged = decision.judgement
    again = decision.action == KEPT and asked is not None and asked != (judged.digest, judged.margin)
    return None if again or decision.action == SWITCHED else decision


def has_yet_to_come(decision: Decision, here: Place) -> bool:
    """Tell whether a decision changes what answers at the next start: `here` still answers what is to be replaced."""
    moves = decision.action in (STAGED, UNDONE) and decision.candidate != decision.current
    return moves and here == decision.current
