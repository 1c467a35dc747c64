"""The scorer of charts: a number within 5% of the reference's, or the very text."""

from __future__ import annotations

from decimal import Decimal

from microscope.evaluation.scoring.base import LENIENT, Score, Scorer
from microscope.evaluation.scoring.exact import SCORER as EXACT
from microscope.evaluation.scoring.number import read_number, reference_number
from microscope.records import Item

_TOLERANCE = Decimal("0.05")
_PER_CENT = 100


def close(number: Decimal, target: Decimal) -> bool:
    """Tell whether a number is within 5% of its target, both ends included; only zero is close to zero."""
    return abs(number - target) <= _TOLERANCE * abs(target)


def score(answer: str, item: Item, strictness: str) -> Score:
    """Return 1 where the answer is within 5% of a reference that is a number, or equals one that is a text.

    Where every reference is a number, an answer without one is not parsed. Years count as numbers, as in the paper.
    """
    targets = {one: reference_number(one) for one in item.answers}
    number = read_number(answer, strictness)
    right = number is not None and any(
        target is not None and (close(number, target) or (strictness == LENIENT and _but_for_percent(answer, one)))
        for one, target in targets.items()
    )
    text = EXACT.score(answer, item, strictness)
    needs_number = bool(targets) and None not in targets.values()
    parsed = number is not None if needs_number else text.parsed
    return Score(max(float(right), text.value), parsed=right or text.value > 0 or parsed)


def _but_for_percent(answer: str, reference: str) -> bool:
    """Tell whether the two are close once the percent sign, which only one of them has, is left out."""
    signs = ["%" in text or "percent" in text.lower() for text in (answer, reference)]
    number, target = read_number(answer, LENIENT), reference_number(reference)
    if number is None or target is None or signs[0] == signs[1]:
        return False
    return close(*((number * _PER_CENT, target) if signs[0] else (number, target * _PER_CENT)))


SCORER = Scorer(
    key="relaxed",
    label="Relaxed accuracy",
    note=(
        "A number within 5% of the reference, or the same text (ChartQA, Masry et al. 2022; lmms-eval, VLMEvalKit), "
        "with 1,000, $50, 0.0 and a final full stop read as what they are, and nan as no number."
    ),
    score=score,
    binary=True,
)
