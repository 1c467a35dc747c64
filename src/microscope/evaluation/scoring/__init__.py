"""The scorers: one file and one object each, listed here from the plainest to the most special.

They judge an answer's text against an item and know no model and no statistics.
"""

import difflib

from microscope.errors import UserError
from microscope.evaluation.scoring import anls, cer, choice, contains, exact, number, relaxed, sets, vqa, wer
from microscope.evaluation.scoring.base import LENIENT, NORMAL, STRICT, STRICTNESS, Score, Scorer
from microscope.evaluation.scoring.exact import exact_match
from microscope.evaluation.scoring.fitting import suggest
from microscope.evaluation.scoring.text import normalise
from microscope.records import Item

__all__ = [
    "LENIENT",
    "NORMAL",
    "SCORERS",
    "STRICT",
    "STRICTNESS",
    "Score",
    "Scorer",
    "exact_match",
    "find_scorer",
    "normalise",
    "score_all",
    "suggest",
]

SCORERS: tuple[Scorer, ...] = (
    exact.SCORER,
    choice.SCORER,
    number.SCORER,
    vqa.SCORER,
    anls.SCORER,
    relaxed.SCORER,
    sets.SCORER,
    contains.SCORER,
    cer.SCORER,
    wer.SCORER,
)


def find_scorer(key: str) -> Scorer:
    """Return the scorer of a key; an unknown one is a `UserError` that names the nearest and all of them."""
    found = next((scorer for scorer in SCORERS if scorer.key == key), None)
    if found is None:
        keys = [scorer.key for scorer in SCORERS]
        near = difflib.get_close_matches(key, keys, n=1)
        hint = f"did you mean {near[0]!r}? Choose" if near else "choose"
        raise UserError(f"There is no scorer {key!r}; {hint} one of {', '.join(keys)}.")
    return found


def score_all(scorer: Scorer, answer: str, item: Item) -> tuple[Score, Score, Score]:
    """Return an answer's strict, normal and lenient score; an item with choices is scored as multiple choice.

    An answer that is all right already is not read again more leniently: it cannot become more.
    """
    rule = choice.SCORER if item.choices else scorer
    strict = rule.score(answer, item, STRICT)
    normal = strict if strict.value == 1 else rule.score(answer, item, NORMAL)
    lenient = normal if normal.value == 1 else rule.score(answer, item, LENIENT)
    return strict, normal, lenient
