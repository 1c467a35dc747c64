"""The scorer of multiple choice: 1 where the answer names the right choice, by letter or by text.

Strict takes a capital letter or a choice's very text; normal reads both out of a sentence that names one choice;
lenient reads past the choices that are denied or that lead up to a decision. Two choices, or a letter and a text that
disagree, are no answer. Knows no kit's fallbacks: nothing is guessed.
"""

from __future__ import annotations

from microscope.evaluation.scoring.base import LENIENT, STRICT, Score, Scorer
from microscope.evaluation.scoring.mentions import decision, mentions
from microscope.evaluation.scoring.options import Options, less_articles, only, options_of, right_choices
from microscope.evaluation.scoring.prose import stated, unwrapped
from microscope.evaluation.scoring.text import bare
from microscope.records import Item


def read_choice(answer: str, choices: tuple[str, ...], strictness: str) -> int | None:
    """Return the number of the choice that an answer names, from 0; None where it names none, or several."""
    options = options_of(choices)
    answer = answer.strip()
    number = options.strict(answer)
    if number is None and strictness != STRICT:
        number = _normal(unwrapped(answer), options)
    if number is None and strictness == LENIENT:
        number = _lenient(answer, options)
    return number


def _normal(answer: str, options: Options) -> int | None:
    """Return the one choice that an answer names, none of them denied."""
    for number in (options.lettered(answer), options.called(answer, less_articles)):
        if number is not None:
            return number
    found = mentions(answer, options)
    if found.unsure or found.denied:
        return None
    return _agreed(found.letters, found.texts)


def _lenient(answer: str, options: Options) -> int | None:
    """Return the choice that an answer decides on: the stated one, or the one that is left of those not denied."""
    whole = unwrapped(answer)
    found = mentions(whole, options)
    if found.unsure:
        return None
    for said in (stated(answer), decision(whole)):
        if said:
            number = options.called(said, bare)
            number = _normal(said, options) if number is None else number
            if number is not None:
                return number
    number = options.called(whole, bare)
    return _agreed(found.letters - found.denied, found.texts - found.denied) if number is None else number


def _agreed(letters: frozenset[int], texts: frozenset[int]) -> int | None:
    """Return the one choice that is named by letter, or else by text; None where a lone text disagrees."""
    if not letters:
        return only(texts)
    letter, text = only(letters), only(texts)
    return letter if text is None or text == letter else None


def score(answer: str, item: Item, strictness: str) -> Score:
    """Return 1 where the answer names a right choice; an item without a right choice is a `UserError`."""
    right = right_choices(item)
    number = read_choice(answer, item.choices, strictness)
    return Score(float(number in right), parsed=number is not None)


SCORER = Scorer(
    key="choice",
    label="Multiple choice",
    note=(
        "The answer names the right choice by letter or text, in a sentence too, as VLMEvalKit's exact matching does, "
        "but an article is no option A, and two choices are no answer."
    ),
    score=score,
    binary=True,
)
