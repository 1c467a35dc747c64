"""Answers read out of sentences, for lenient scoring: what a text states, or the one word of its kind that it names.

A text that names two candidates, or denies one, has no reading: nothing here guesses. Knows no metric.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from microscope.evaluation.scoring.numerals import as_text, only_number, spoken, written
from microscope.evaluation.scoring.text import bare, stripped

# Words that answer the same kind of question: where a reference is one of them, the others are its rivals.
_COLOURS = "red orange yellow green blue purple violet pink brown black white gray grey cyan magenta beige tan gold"
KINDS: tuple[frozenset[str], ...] = (
    frozenset({"yes", "no"}),
    frozenset({*_COLOURS.split(), "silver", "teal", "maroon", "navy", "turquoise"}),
    frozenset({"left", "right", "top", "bottom", "center", "centre", "middle"}),
    frozenset({"above", "below", "inside", "outside", "behind"}),
    frozenset({"true", "false"}),
)
_YES_NO = KINDS[0]

_HEDGE = re.compile(
    r"\b(?:not|or|neither|nor|either|never|maybe|perhaps|possibly|except|than|least|most|between|cannot|unless|unable"
    r"|unknown|unclear|unsure|uncertain)\b|n['’]t\b",
    re.IGNORECASE,
)
_NO = re.compile(r"\bno\b", re.IGNORECASE)
_OR = re.compile(r"\b(?:or|maybe|perhaps|possibly|unsure|not sure|unclear)\b", re.IGNORECASE)
_MARKED = re.compile(r"\\boxed\{([^{}]{1,500})\}|<answer>(.{1,500}?)</answer>", re.IGNORECASE | re.DOTALL)
_ANSWER = re.compile(r"\banswer\b(?P<gap>[^.:=\n]{0,60}?)(?:\bis\b|:|=)[:\s]*", re.IGNORECASE)
_END = re.compile(r"[.!]?(?:\s*$|\n)|[.!]\s")
_LONGEST = 500  # characters that an answer in a sentence may have
_SAYS = re.compile(
    r".*\b(?:is|are|was|were|says|said|reads|shows|equals|displays|(?:it|that|this|there|he|she)['’]s)\b[:\s]+(?P<what>.+)",
    re.IGNORECASE,
)
_SENTENCES = re.compile(r"[.!?]\s+|\n+")
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*", re.IGNORECASE)


def hedged(text: str) -> bool:
    """Tell whether a text denies, compares, or offers several."""
    return _HEDGE.search(text) is not None or _NO.search(text) is not None


def unwrapped(text: str) -> str:
    """Return a text without what was thought before it, Markdown's emphasis, and outer quotation marks."""
    said = text.rpartition("</think>")[2].replace("**", "").replace("`", "")
    return stripped(said) or said.strip()


def stated(text: str) -> str | None:
    r"""Return what a text gives as its answer; None where it gives none, or two that differ.

    The marks `\boxed{X}` and `<answer>X</answer>` come first, then `the answer is X`, then a lone sentence's
    `... is X`.
    """
    marked = {bare(one or two): one or two for one, two in _MARKED.findall(text)}
    if marked:
        return next(iter(marked.values())).strip() if len(marked) == 1 else None
    said = unwrapped(text)
    answers = {
        bare(answer): answer
        for match in _ANSWER.finditer(said)
        if not _HEDGE.search(match["gap"]) and (answer := _END.split(said[match.end() :][:_LONGEST], maxsplit=1)[0])
    }
    if answers:
        return unwrapped(next(iter(answers.values()))) if len(answers) == 1 else None
    if len([part for part in _SENTENCES.split(said) if part]) != 1:
        return None
    match = _SAYS.fullmatch(said)
    return unwrapped(match["what"]) if match else None


def number_in(text: str) -> Decimal | None:
    """Return the number that a text gives as its answer, in digits or words; None where that is not sure."""
    said = unwrapped(text)
    number = _number(said)
    if number is not None:
        return number
    answer = stated(text)
    if answer is not None:
        number = _number(answer)
        if number is None and not hedged(answer):
            number = only_number(answer)
        if number is not None:
            return number
    return None if hedged(said) else only_number(said)


def _number(text: str) -> Decimal | None:
    """Return the number that the whole text is, in digits or words."""
    number = written(text)
    return spoken(text) if number is None else number


def rival(text: str, references: Iterable[str]) -> str | None:
    """Return the one word (or number) in a text that is of the same kind as a reference; None where that is not sure.

    It is not what the reference says but what the text says: `a blue car` gives blue, whatever colour is right.
    """
    wanted = {bare(reference) for reference in references}
    said = unwrapped(text)
    words: set[str] | None = None
    for kind in KINDS:
        if not wanted.isdisjoint(kind):
            if words is None:
                words = {word.lower() for word in _WORD.findall(said)}
            named = words & kind
            doubtful = _OR.search(said) is not None if kind is _YES_NO else hedged(said)
            return named.pop() if len(named) == 1 and not doubtful else None
    if any(written(reference) is not None for reference in wanted):
        number = number_in(text)
        return None if number is None else as_text(number)
    return None


def readings(text: str, references: Iterable[str]) -> tuple[str, ...]:
    """Return what a text may be read as: itself unwrapped, then what it states, then the one word it names."""
    found = (unwrapped(text), stated(text), rival(text, references))
    return tuple(dict.fromkeys(reading for reading in found if reading))
