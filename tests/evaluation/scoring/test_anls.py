"""ANLS: similarity to the nearest reference, nothing from half wrong on."""

from __future__ import annotations

import pytest

from microscope.evaluation.scoring.anls import score, similarity
from microscope.evaluation.scoring.base import LENIENT, NORMAL, STRICT, Score
from microscope.records import Item


def test_the_distance_is_by_the_longer_length_and_half_is_nothing() -> None:
    assert similarity("market st", "market street") == pytest.approx(1 - 4 / 13)
    assert similarity("abcd", "abxy") == 0
    assert similarity("abcde", "abcxy") == pytest.approx(0.6)
    assert similarity("", "") == 1


def test_strict_counts_case_and_lenient_reads_the_sentence() -> None:
    item = Item("1", "p", "q", ("12 May", "May 12th"))
    assert [score("12 may", item, level).value for level in (STRICT, NORMAL, LENIENT)] == [pytest.approx(5 / 6), 1, 1]
    assert [score("The date is 12 May.", item, level).value for level in (STRICT, NORMAL, LENIENT)] == [0, 0, 1]


def test_what_folding_makes_worse_is_no_better_when_strict() -> None:
    item = Item("1", "p", "q", ("x" + " " * 20 + "y",))
    assert score("a" + " " * 20 + "b", item, STRICT).value == 0


def test_no_text_is_no_answer() -> None:
    assert score("  ", Item("1", "p", "q", ("x",)), LENIENT) == Score(0, parsed=False)
    assert score("x", Item("1", "p", "q", ()), LENIENT) == Score(0)
