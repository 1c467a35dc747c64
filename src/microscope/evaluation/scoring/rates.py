"""Text recognition's error rates turned into scores: the best of the references, at each strictness.

Knows no unit: the rate, of characters or of words, is given.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable

from microscope.evaluation.scoring.base import NORMAL, STRICT, Score
from microscope.evaluation.scoring.prose import stated, unwrapped
from microscope.records import Item

Rate = Callable[[str, str], float]


def score_by(rate: Rate, answer: str, item: Item, strictness: str) -> Score:
    """Return 1 less the error rate against the nearest reference, and 0 from as many errors as it is long.

    Normal counts case and punctuation, and takes white space as one space; strict takes the text as it stands, and
    lenient leaves case and punctuation out and reads what a sentence states. `rate(reference, answer)` is the rate.
    """
    best = _best(rate, [_spaced(answer)], map(_spaced, item.answers))
    if strictness == STRICT:
        best = min(best, _best(rate, [answer], item.answers))
    elif strictness != NORMAL and best < 1:
        said = [_letters(one) for one in (answer, unwrapped(answer), stated(answer)) if one]
        best = max(best, _best(rate, said, map(_letters, item.answers)))
    return Score(best, parsed=best > 0 or bool(answer.strip()))


def _best(rate: Rate, answers: list[str], references: Iterable[str]) -> float:
    """Return the best score of any answer against any reference."""
    rates = [rate(reference, answer) for reference in references for answer in answers]
    return max(0.0, 1.0 - min(rates, default=1.0))


def _spaced(text: str) -> str:
    """Return the text composed (NFC), with white space collapsed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _letters(text: str) -> str:
    """Return the text in NFKC and lower case without punctuation."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return " ".join("".join(" " if unicodedata.category(one)[0] == "P" else one for one in folded).split())
