"""The scorer of read text by character: 1 less the character error rate."""

from __future__ import annotations

import jiwer

from microscope.evaluation.scoring.base import Score, Scorer
from microscope.evaluation.scoring.rates import score_by
from microscope.records import Item


def score(answer: str, item: Item, strictness: str) -> Score:
    """Return 1 less the character error rate against the nearest reference, never below 0."""
    return score_by(_rate, answer, item, strictness)


def _rate(reference: str, answer: str) -> float:
    """Return the edits that turn the reference into the answer, by the reference's length in characters."""
    return float(jiwer.cer(reference, answer))


SCORER = Scorer(
    key="cer",
    label="Character accuracy",
    note="1 less the character error rate (edits / characters of the reference, as jiwer counts them), never below 0.",
    score=score,
    binary=False,
)
