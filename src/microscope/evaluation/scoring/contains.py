"""The scorer of free descriptions: 1 where a reference stands in the answer as whole words."""

from __future__ import annotations

import re
from functools import lru_cache

from microscope.evaluation.scoring.base import NORMAL, STRICT, Score, Scorer
from microscope.evaluation.scoring.text import bare, normalise
from microscope.records import Item

# Scripts from here on write words without spaces between them.
_SPACELESS = "\u2e80"


@lru_cache(maxsize=1 << 12)
def _pattern(words: str) -> re.Pattern[str]:
    """Return the pattern of whole words; a number is not found inside another (3 in 3.5, in 1,300 or in -3)."""
    start = r"(?<![^\W_])" if words[0].isalnum() and words[0] < _SPACELESS else ""
    end = r"(?![^\W_])" if words[-1].isalnum() and words[-1] < _SPACELESS else ""
    if words[0].isdigit():
        start += r"(?<!\d[.,])(?<!\s-)(?<!^-)"
    if words[-1].isdigit():
        end += r"(?![.,]\d)"
    return re.compile(start + re.escape(words) + end)


def contains(text: str, words: str) -> bool:
    """Tell whether words stand in a text as whole words; no words stand in an empty text alone."""
    return words in text and (_pattern(words).search(text) is not None if words else not text)


def score(answer: str, item: Item, strictness: str) -> Score:
    """Return 1 where a reference stands in the answer; a denial (`not red`) contains it too."""
    right = any(contains(answer.strip(), one.strip()) for one in item.answers)
    if strictness != STRICT:
        text = normalise(answer)
        right = right or any(contains(text, normalise(one)) for one in item.answers)
        if not right and strictness != NORMAL:
            words = _bare_words(text)
            right = any(contains(words, _bare_words(one)) for one in item.answers)
    return Score(float(right), parsed=right or bool(normalise(answer)))


def _bare_words(text: str) -> str:
    """Return the words of a text, each less its outer punctuation, articles left out and numbers in digits."""
    return bare(" ".join(bare(word) for word in normalise(text).split()))


SCORER = Scorer(
    key="contains",
    label="Contains",
    note=(
        "A reference stands in the answer as whole words; generous to long answers, and blind to a denial, so prefer "
        "another where one fits."
    ),
    score=score,
    binary=True,
)
