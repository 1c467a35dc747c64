"""Which choices a sentence mentions, and which of them it denies or offers as alternatives; decides on none."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from microscope.evaluation.scoring.options import Options, only
from microscope.evaluation.scoring.text import normalise

# A mention is written as a sign, its choice's number, and a sign, and one more after a letter; the text has no such
# sign of its own.
_OPEN, _CLOSE, _OF_LETTER = "\x01", "\x02", "\x03"
_SIGNS = str.maketrans(dict.fromkeys((_OPEN, _CLOSE, _OF_LETTER), " "))
_VERBS = "is|was|or|and|because|since|as|seems|looks|would|must|for|if|but|nor|has|shows"
# A capital on its own; A and I before a word are an article and a pronoun unless a verb follows.
_CAPITAL = re.compile(rf"(?<![\w'’{_OPEN}])(?<!\w[.&/\-])([A-Z])(?![\w'’]|[&/\-]\w|\.\w\.)")
_WORD_FOLLOWS = re.compile(rf"\s+(?!(?:{_VERBS})\b)[\w{_OPEN}]", re.IGNORECASE)
_NAMED_BEFORE = re.compile(r"(?:\b(?:option|choice|answer|letter)\s+|[(\[])$", re.IGNORECASE)
_SMALL = re.compile(
    r"(?:\b(?:option|choice|answer|letter)\b\s*(?:is\b)?\s*:?\s*\(?|^\(?|\()([a-z])(?=[).,:;!\]]|$)(?!\.\w)"
    r"|\b(?:option|choice)\s+([b-z])\b"
)
_NEAR = 12  # characters that hold the longest of those words
_ARTICLES = "AI"
_DENIAL_BEFORE = re.compile(
    rf"(?:\b(?:not|never|neither|nor|except|cannot|no)|n['’]t)(?:\s+(?!but\b)\w+){{0,3}}\s+{_OPEN}([0-9]+)",
    re.IGNORECASE,
)
_DENIAL_AFTER = re.compile(
    rf"{_OPEN}([0-9]+){_CLOSE}{_OF_LETTER}?\s+(?:(?:is|was|are)\s+(?:not|wrong|incorrect|false)|(?:is|was|are)n['’]t)\b",
    re.IGNORECASE,
)
_ALTERNATIVE = re.compile(rf"\bor\s+(?:(?:a|an|the)\s+)?{_OPEN}|{_CLOSE}{_OF_LETTER}?,?\s+or\b", re.IGNORECASE)
_CLASH = re.compile(
    rf"{_OPEN}([0-9]+){_CLOSE}{_OF_LETTER}[\s.,:)\]*-]*{_OPEN}(?!\1{_CLOSE})[0-9]+{_CLOSE}(?!{_OF_LETTER})"
)
_DECISION = re.compile(
    r"\b(?:pick|choose|select|chose|go with|conclude|must be|answer\s*(?:is|:)|so it is)(?:\s+that)?\b\s*:?\s*",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.!;\n](?:\s|$)|\b(?:because|since)\b")


@dataclass(frozen=True)
class Mentions:
    """The numbers of the choices named by letter and by text, and those denied.

    `unsure` tells that one is a side of an `or`, or that a letter stands right before another choice's text.
    """

    letters: frozenset[int]
    texts: frozenset[int]
    denied: frozenset[int]
    unsure: bool


@lru_cache(maxsize=1 << 12)
def _texts(options: Options) -> tuple[re.Pattern[str], dict[str, int | None]] | None:
    """Return the pattern of the choices' texts, longest first, and their numbers (None: several have that text)."""
    numbers: dict[str, set[int]] = {}
    for number, text in enumerate(options.texts):
        numbers.setdefault(normalise(text), set()).add(number)
    numbers.pop("", None)
    if not numbers:
        return None
    ways = "|".join(_whole(text) for text in sorted(numbers, key=len, reverse=True))
    return re.compile(ways, re.IGNORECASE), {text: only(found) for text, found in numbers.items()}


def _whole(text: str) -> str:
    """Return the pattern of a text as whole words, and of a number that is not part of another."""
    start = r"(?<!\w)(?<!\d[.,])(?<![-$])" if text[0].isalnum() else ""
    end = r"(?!\w)(?![.,]\d)" if text[-1].isalnum() else ""
    return start + re.escape(text) + end


@lru_cache(maxsize=1 << 10)
def mentions(answer: str, options: Options) -> Mentions:
    """Return which choices an answer mentions; a letter inside a choice's text is not one."""
    text = unicodedata.normalize("NFKC", answer.translate(_SIGNS))
    text = " ".join(text.split())
    known, texts = _texts(options), set()
    if known is not None:
        pattern, numbers = known
        found = {match: numbers.get(normalise(match)) for match in pattern.findall(text)}
        texts = {number for number in found.values() if number is not None}
        text = pattern.sub(lambda match: _mark(found[match[0]]) or match[0], text)
    letters: set[int] = set()
    for pattern in (_CAPITAL, _SMALL):
        text = pattern.sub(lambda match: _lettered(match, options, letters), text)
    denied = {int(one[1]) for kind in (_DENIAL_BEFORE, _DENIAL_AFTER) for one in kind.finditer(text)}
    unsure = _ALTERNATIVE.search(text) is not None or _CLASH.search(text) is not None
    return Mentions(frozenset(letters), frozenset(texts), frozenset(denied), unsure)


def _mark(number: int | None) -> str:
    """Return the sign that stands for a mention."""
    return "" if number is None else f"{_OPEN}{number}{_CLOSE}"


def _lettered(match: re.Match[str], options: Options, letters: set[int]) -> str:
    """Return the match with its letter marked, and note the letter; what is no option's letter stays as it is."""
    group = match.lastindex or 0
    letter, (start, end) = match[group], match.span(group)
    number = options.letters.find(letter.upper())
    named = _NAMED_BEFORE.search(match.string[max(0, start - _NEAR) : start])
    if number < 0 or (letter in _ARTICLES and not named and _WORD_FOLLOWS.match(match.string, end)):
        return match[0]
    letters.add(number)
    return f"{match.string[match.start() : start]}{_mark(number)}{_OF_LETTER}{match.string[end : match.end()]}"


def decision(answer: str) -> str | None:
    """Return what follows the last words of deciding (`I pick`, `the answer is`) to the end of its sentence."""
    words = list(_DECISION.finditer(answer))
    return _SENTENCE.split(answer[words[-1].end() :], maxsplit=1)[0].strip() or None if words else None
