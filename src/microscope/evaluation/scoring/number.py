"""The scorer of counts and measures: the answer and a reference are the same number, exactly."""

from __future__ import annotations

from decimal import Decimal

from microscope.evaluation.scoring.base import LENIENT, STRICT, Score, Scorer
from microscope.evaluation.scoring.exact import exact_match
from microscope.evaluation.scoring.numerals import plain, spoken, written
from microscope.evaluation.scoring.prose import number_in
from microscope.records import Item


def read_number(text: str, strictness: str) -> Decimal | None:
    """Return the number that an answer gives: as programs write it, as people do, and lenient in a sentence too."""
    number = plain(text)
    if number is None and strictness != STRICT:
        number = written(text)
    if number is None and strictness == LENIENT:
        number = number_in(text)
    return number


def reference_number(text: str) -> Decimal | None:
    """Return the number that a reference is, in digits or words; None where it is a text."""
    number = written(text)
    return spoken(text) if number is None else number


def score(answer: str, item: Item, strictness: str) -> Score:
    """Return 1 where the answer is a reference's number (or its very text); one without a number is not parsed."""
    number = read_number(answer, strictness)
    right = number is not None and any(reference_number(one) == number for one in item.answers)
    if strictness == STRICT:
        right = right or answer.strip() in {reference.strip() for reference in item.answers}
    else:
        right = right or exact_match(answer, item.answers)
    return Score(float(right), parsed=right or number is not None)


SCORER = Scorer(
    key="number",
    label="Number",
    note=(
        "The answer is exactly the reference's number, however both are written (1,000, $50, 7.0); lenient also reads "
        "number words and a sentence's only number."
    ),
    score=score,
    binary=True,
)
