"""Numbers read out of text as exact decimals, never through `float` or `eval`; knows no scorer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal

_DIGITS = "[0-9]{1,100}"
_EXPONENT = "(?:[eE][+-]?[0-9]{1,3})?"
_PLAIN = re.compile(rf"([+-]?(?:{_DIGITS}(?:\.[0-9]{{0,100}})?|\.{_DIGITS}){_EXPONENT})(%?)")
_CURRENCY = "[$€£¥₹]"
_WRITTEN = re.compile(
    rf"([+-]?)\s?{_CURRENCY}?\s?([+-]?)"
    rf"((?:[0-9]{{1,3}}(?:,[0-9]{{3}}){{1,30}}|{_DIGITS})(?:\.[0-9]{{0,100}})?|\.{_DIGITS})({_EXPONENT})"
    rf"\s?({_CURRENCY}|%)?\.?"
)
_UNIT = re.compile(r"(?<=[0-9])\s?(?:°[cf]?|[kcm]?m|k?g|mg|ft|in|lbs?|ms|s|px|x)\.?", re.IGNORECASE)
_AROUND = "\"'`*_“”\N{LEFT SINGLE QUOTATION MARK}’()[]{}<>,;:!?~≈#="

ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen"),
    *("fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SMALL = {word: value for value, word in enumerate((*ONES, *_TEENS))} | {
    word: 10 * value for value, word in enumerate(_TENS, 2)
}
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_NUMBER_WORDS = frozenset({*SMALL, *SCALES, "hundred"})
_PERCENT = frozenset({"percent", "%"})
_TEN, _HUNDRED, _PER_CENT = 10, 100, Decimal("0.01")


def as_text(number: Decimal) -> str:
    """Return the digits of a number, as few as say it: 7 for 7.0, and no exponent."""
    if not number:
        return "0"
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain(text: str) -> Decimal | None:
    """Return the number that the whole text is as programs write it, 12% as 0.12; None where it is none."""
    match = _PLAIN.fullmatch(text.strip())
    if match is None:
        return None
    return Decimal(match[1]) * (_PER_CENT if match[2] else 1)


def written(text: str) -> Decimal | None:
    """Return the number that the whole text is as people write it: thousands' commas, currency, a final full stop."""
    if not text.isascii():
        if any(sign.isdigit() and not sign.isdecimal() for sign in text):
            return None  # a raised or circled digit is no digit of the number beside it
        text = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-")
    match = _WRITTEN.fullmatch(text.strip())
    if match is None or (match[1] and match[2]):
        return None
    number = Decimal(f"{match[1]}{match[2]}{match[3].replace(',', '')}{match[4]}")
    return number * _PER_CENT if match[5] == "%" else number


def spoken(text: str) -> Decimal | None:
    """Return the number that the whole text is in words, or in digits before a scale (`1.5 million`)."""
    words = text.lower().replace("-", " ").split()
    if words[:1] == ["a"]:
        words = words[1:]
    if not words or words[-1] not in _NUMBER_WORDS:
        return None
    first = written(words[0])
    if first is not None:
        return first * SCALES[words[1]] if len(words) == len("1m") and words[1] in SCALES else None
    return _sum_of(words)


def _sum_of(words: list[str]) -> Decimal | None:
    """Return what number words add up to; None where they are no number, or several."""
    total = group = 0
    ceiling = 10**15
    closed = True  # whether the next small number begins a group, or follows a hundred
    for word in words:
        if word in SMALL:
            value = SMALL[word]
            after_tens = not closed and group % _HUNDRED >= 2 * _TEN and group % _TEN == 0 and 0 < value < _TEN
            if not (closed or after_tens):
                return None
            group, closed = group + value, False
        elif word == "hundred" and group < _HUNDRED:
            group, closed = max(group, 1) * _HUNDRED, True
        elif word in SCALES and SCALES[word] < ceiling:
            ceiling = SCALES[word]
            total, group, closed = total + max(group, 1) * ceiling, 0, True
        elif word != "and" or not (group or total):
            return None
    return Decimal(total + group)


def only_number(text: str) -> Decimal | None:
    """Return the one number that a sentence names, in digits or words; None where it names none or several.

    A word with a digit in it that is no number (a date, a time, `B2`) counts as another: what is meant is not sure.
    """
    found: set[Decimal] = set()
    for number in _numbers(text.split()):
        if number is None:
            return None
        found.add(number)
    return found.pop() if len(found) == 1 else None


def _numbers(tokens: list[str]) -> Iterator[Decimal | None]:
    """Yield the numbers that tokens hold, None for each that has digits and is no number."""
    words = [token.strip(_AROUND).rstrip(".").rstrip(_AROUND) for token in tokens]
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if any(sign.isdigit() for sign in word):
            number = written(_UNIT.sub("", word) if word[-1:].isalpha() or "°" in word else word)
            follower = words[at].lower() if at < len(words) else ""
            if number is not None and follower in SCALES:
                number, at = number * SCALES[follower], at + 1
            elif number is not None and (follower in _PERCENT or tokens[at : at + 1] == ["%"]):
                number, at = number * _PER_CENT, at + 1
            yield number
        elif _is_number_word(word):
            start = at - 1
            while at < len(words) and (_is_number_word(words[at]) or _joins(words, at)):
                at += 1
            number = spoken(" ".join(words[start:at]))
            yield number
            at = at if number is not None else len(words)


def _is_number_word(word: str) -> bool:
    """Tell whether a word is a number's, or several joined by hyphens."""
    return bool(word) and all(part in _NUMBER_WORDS for part in word.lower().split("-"))


def _joins(words: list[str], at: int) -> bool:
    """Tell whether an `and` stands between two number words."""
    return words[at].lower() == "and" and at + 1 < len(words) and _is_number_word(words[at + 1])
