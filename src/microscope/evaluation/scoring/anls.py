"""The scorer of document questions: average normalised Levenshtein similarity."""

from __future__ import annotations

from rapidfuzz.distance import Levenshtein

from microscope.evaluation.scoring.base import LENIENT, STRICT, Score, Scorer
from microscope.evaluation.scoring.prose import readings
from microscope.records import Item

_THRESHOLD = 0.5


def similarity(answer: str, reference: str) -> float:
    """Return 1 - NL where NL, edits over the longer length, is below one half, and 0 otherwise."""
    longer = max(len(answer), len(reference))
    distance = Levenshtein.distance(answer, reference) / longer if longer else 0.0
    return 1 - distance if distance < _THRESHOLD else 0.0


def score(answer: str, item: Item, strictness: str) -> Score:
    """Return the best similarity; strict counts case and white space, lenient also tries what a sentence states."""
    best = max((similarity(_folded(answer), _folded(one)) for one in item.answers), default=0.0)
    if strictness == STRICT:
        text = answer.strip()
        best = min(best, max((similarity(text, one.strip()) for one in item.answers), default=0.0))
    elif strictness == LENIENT and best < 1:
        said = [_folded(reading) for reading in readings(answer, item.answers)]
        best = max([best, *(similarity(text, _folded(one)) for text in said for one in item.answers)])
    return Score(best, parsed=best > 0 or bool(answer.strip()))


def _folded(text: str) -> str:
    """Return the text in lower case with white space collapsed."""
    return " ".join(text.lower().split())


SCORER = Scorer(
    key="anls",
    label="ANLS",
    note=(
        "Similarity to the nearest reference, 1 - edits / longer length, and 0 from half wrong on (ST-VQA, DocVQA: "
        "Biten et al. 2019; the kits give .5 at exactly half)."
    ),
    score=score,
    binary=False,
)
