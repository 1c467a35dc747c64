"""Texts made comparable: case, white space, articles and number words; knows no reference and no scorer."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from microscope.evaluation.scoring.numerals import as_text, spoken, written

ARTICLES = frozenset({"a", "an", "the"})
# What may stand around an answer without being of it; a point before it may be a number's.
_WRAPPING = " \t\n\"'`*_“”\N{LEFT SINGLE QUOTATION MARK}’«»()[]{}<>.,;:!?"
_BEFORE = _WRAPPING.replace(".", "")


def normalise(text: str) -> str:
    """Return the text in NFKC and lower case, white space collapsed, without one trailing full stop."""
    words = " ".join(unicodedata.normalize("NFKC", text).lower().split())
    return words.removesuffix(".").rstrip()


def without_articles(text: str) -> str:
    """Return the words of a text less a, an and the; a text of articles alone stays as it is."""
    return " ".join(word for word in text.split() if word not in ARTICLES) or text


def stripped(text: str) -> str:
    """Return the text without the brackets, quotation marks and punctuation that stand around it."""
    return text.rstrip(_WRAPPING).lstrip(_BEFORE)


@lru_cache(maxsize=1 << 12)
def bare(text: str) -> str:
    """Return the text normalised, less articles, quotation marks and outer punctuation, with numbers in digits."""
    plain = normalise(text)
    number = written(plain)
    if number is None:
        number = spoken(plain)
    if number is not None:
        return as_text(number)
    kept = without_articles(stripped(plain)) or plain
    return " ".join(_digits(word) for word in kept.split())


def _digits(word: str) -> str:
    """Return a number word in digits, and every other word as it is."""
    number = spoken(word)
    return word if number is None else as_text(number)
