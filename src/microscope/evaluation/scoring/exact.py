"""The scorer that wants the very answer: 1 where it equals a reference, else 0."""

from __future__ import annotations

from collections.abc import Iterable

from microscope.evaluation.scoring.base import NORMAL, STRICT, Score, Scorer
from microscope.evaluation.scoring.prose import readings
from microscope.evaluation.scoring.text import bare, normalise
from microscope.records import Item


def exact_match(answer: str, references: Iterable[str]) -> bool:
    """Tell whether the answer equals one of its references after both are normalised."""
    return normalise(answer) in {normalise(reference) for reference in references}


def score(answer: str, item: Item, strictness: str) -> Score:
    """Return 1 where the answer equals a reference; lenient also reads what a sentence states."""
    if strictness == STRICT:
        right = answer.strip() in {reference.strip() for reference in item.answers}
    else:
        right = exact_match(answer, item.answers)
        if not right and strictness != NORMAL:
            wanted = {bare(reference) for reference in item.answers}
            right = any(bare(reading) in wanted for reading in readings(answer, item.answers))
    return Score(float(right), parsed=right or bool(normalise(answer)))


SCORER = Scorer(
    key="exact",
    label="Exact match",
    note="The answer equals a reference, apart from case, white space and one final full stop.",
    score=score,
    binary=True,
)
