"""The official normalisation of VQA answers (Antol et al. 2015), with its known errors mended; knows no score.

Mended: a comma between digits leaves other punctuation alone, every full stop is seen (the kits stop at 32), the
references are normalised even where all annotators agree, an article that is the whole answer stays, contractions
are found in lower case, and a curly apostrophe is an apostrophe.
"""

from __future__ import annotations

import re
from functools import lru_cache

from microscope.evaluation.scoring.numerals import ONES
from microscope.evaluation.scoring.text import without_articles

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_COMMA_IN_NUMBER = re.compile(r"(?<=\d),+(?=\d)")
_PERIOD = re.compile(r"\.(?!\d)")
_NUMBERS = {"none": "0", "ten": "10"} | {word: str(value) for value, word in enumerate(ONES)}
# The beginnings that take each ending, less those that make another word without the apostrophe (well, its, were).
_ENDINGS = {
    "n't": "ai are ca could did does do had has have is might must need ought sha should was were wo would",
    "'ve": "could i might must not should they we what where who would you",
    "'s": "he how she somebody someone that there what when where who why",
    "'d": "he how it someone something there they where who why you",
    "'ll": "how it somebody someone something they what who why you",
    "'re": "there they what why you",
    "n't've": "could had might should would",
    "'d've": "he i it she somebody someone something there they we who y'all you",
    "'m": "i",
}
_WHOLE = ("ma'am", "o'clock", "'twas", "y'all", "y'all'll", "let's", "'ow's'at")
_CONTRACTIONS = {
    right.replace("'", ""): right
    for right in (
        *_WHOLE,
        *(start + ending for ending, starts in _ENDINGS.items() for start in starts.split()),
    )
}


@lru_cache(maxsize=1 << 12)
def official(text: str) -> str:
    """Return a VQA answer as the official evaluation compares it."""
    text = " ".join(text.lower().replace("’", "'").split())
    text = _PERIOD.sub("", _without_punctuation(_COMMA_IN_NUMBER.sub("", text)))
    words = " ".join(_NUMBERS.get(word, word) for word in text.split())
    return " ".join(_contracted(word) for word in without_articles(words).split())


def _without_punctuation(text: str) -> str:
    """Return the text with a mark that touches a space dropped everywhere, and any other made a space."""
    whole = text
    for mark in set(_PUNCTUATION) & set(whole):
        text = text.replace(mark, "" if f"{mark} " in whole or f" {mark}" in whole else " ")
    return text


def _contracted(word: str) -> str:
    """Return a contraction with its apostrophes, and any other word as it is."""
    return _CONTRACTIONS.get(word.replace("'", ""), word)
