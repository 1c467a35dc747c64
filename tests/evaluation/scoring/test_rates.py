"""Error rates as scores: the nearest reference, and what each strictness leaves out."""

from __future__ import annotations

from microscope.evaluation.scoring.base import LENIENT, NORMAL, STRICT, Score
from microscope.evaluation.scoring.rates import score_by
from microscope.records import Item

ITEM = Item("1", "p", "q", ("Two words", "other"))


def unequal(reference: str, answer: str) -> float:
    """Return a rate that knows right and quite wrong alone."""
    return 0.0 if reference == answer else 3.0


def test_each_strictness_leaves_more_out() -> None:
    levels = (STRICT, NORMAL, LENIENT)
    assert [score_by(unequal, "Two words", ITEM, level).value for level in levels] == [1, 1, 1]
    assert [score_by(unequal, " Two \n words", ITEM, level).value for level in levels] == [0, 1, 1]
    assert [score_by(unequal, "two, WORDS!", ITEM, level).value for level in levels] == [0, 0, 1]
    assert [score_by(unequal, "It says: two words", ITEM, level).value for level in levels] == [0, 0, 1]


def test_the_nearest_reference_counts_and_more_errors_than_length_are_nothing() -> None:
    assert score_by(unequal, "other", ITEM, NORMAL) == Score(1)
    assert score_by(unequal, "neither", ITEM, NORMAL) == Score(0)
    assert score_by(unequal, "x", Item("1", "p", "q", ()), NORMAL) == Score(0)


def test_composed_and_decomposed_letters_are_the_same() -> None:
    assert score_by(unequal, "cafe\u0301", Item("1", "p", "q", ("caf\u00e9",)), NORMAL).value == 1


def test_no_text_is_no_answer() -> None:
    assert score_by(unequal, " ", ITEM, LENIENT) == Score(0, parsed=False)
