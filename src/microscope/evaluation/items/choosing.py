"""Says which choice is right, from a letter, a number or its text; knows nothing of files.

The rule of numbers: where the file numbers its choices itself, those numbers count. Otherwise whole numbers count the
choices from 0, as ScienceQA and class labels do, unless more of the column's numbers can only be the text of a choice
than can only be such a label. Where every number could be either, they are labels, and a note says so. A column that
seems to count from 1 is refused as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from microscope.errors import UserError
from microscope.evaluation.items.cells import CellError, Choices, as_text
from microscope.evaluation.items.tables import shorten

LABELS, TEXTS = "labels", "texts"

_LETTER = re.compile(r"\(?([A-Za-z])[).:]?")
_WHOLE = re.compile(r"\d{1,3}")


@dataclass(frozen=True)
class Reading:
    """How a column's whole numbers are read, `labels` or `texts`, and what should be said about it."""

    way: str
    note: str = ""


@dataclass(frozen=True)
class Asked:
    """The choices and answers of one row."""

    choices: Choices
    answers: tuple[object, ...]


def read_numbers(rows: Sequence[Asked], column: str) -> Reading:
    """Return how the whole numbers among the answers of all rows are to be read.

    Raises `UserError` where the column seems to count from 1: it would be read wrong in silence.
    """
    numbered = [
        (row.choices, number)
        for row in rows
        for answer in row.answers
        if (number := _whole(answer)) is not None and str(number) not in row.choices.keys
    ]
    labels = texts = both = last = zeros = 0
    for choices, number in numbered:
        label, text = number < len(choices.texts), str(number) in map(_folded, choices.texts)
        labels += label and not text
        texts += text and not label
        both += label and text and _folded(choices.texts[number]) != str(number)
        last += not text and number == len(choices.texts)
        zeros += number == 0
    if texts > labels:
        return Reading(TEXTS)
    if last and not zeros:
        raise UserError(
            f"The numbers in {shorten(column)} seem to count the choices from 1 ({last:,} equal how many there are,"
            " and none is 0), and here they count from 0: write letters, or subtract 1."
        )
    if both and not labels:
        return Reading(
            LABELS,
            f"The numbers in {shorten(column)} could be texts of choices or count them: they were read as counting"
            " from 0. Write letters to be sure.",
        )
    return Reading(LABELS)


def right_letters(asked: Asked, reading: Reading) -> tuple[str, ...]:
    """Return the letters of the right choices, A for the first; raises `CellError` where an answer is no choice."""
    letters = dict.fromkeys(ascii_uppercase[_position(asked.choices, answer, reading)] for answer in asked.answers)
    return tuple(letters)


def _position(choices: Choices, answer: object, reading: Reading) -> int:
    number = _whole(answer)
    if number is not None and str(number) in choices.keys:
        return choices.keys.index(str(number))
    if number is not None and reading.way == LABELS and number < len(choices.texts):
        return number
    text = as_text(answer)
    same = [at for at, choice in enumerate(choices.texts) if choice == text]
    same = same or [at for at, choice in enumerate(choices.texts) if _folded(choice) == _folded(text)]
    if len(same) > 1:
        raise CellError(f"The answer {shorten(text)} is the text of {len(same)} choices: write its letter.")
    keyed = [at for at, key in enumerate(choices.keys) if key == text]
    match = _LETTER.fullmatch(text)
    keyed = keyed or [at for at, key in enumerate(choices.keys) if match and key.upper() == match[1].upper()]
    if same and keyed and same != keyed:
        raise CellError(
            f"The answer {shorten(text)} is the text of one choice and the letter of another: name the choices"
            " in words."
        )
    if same or keyed:
        return (same or keyed)[0]
    raise CellError(f"The answer {shorten(text)} is not among the choices {_list(choices)}.")


def _whole(answer: object) -> int | None:
    """Return a whole number of a label's size, also one that is written as text; None for anything else."""
    if isinstance(answer, bool) or not isinstance(answer, int | float | str):
        return None
    text = as_text(answer)
    return int(text) if _WHOLE.fullmatch(text) else None


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _list(choices: Choices) -> str:
    return ", ".join(
        f"{key}: {shorten(text, 20)}" for key, text in list(zip(choices.keys, choices.texts, strict=True))[:6]
    )
