"""What makes two texts comparable, and what it leaves alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.evaluation.scoring.text import bare, normalise, stripped, without_articles


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("  A Red\n\tSeven. ", "a red seven"),
        ("Seven .", "seven"),
        ("3.5", "3.5"),
        ("and so on...", "and so on.."),
        ("\uff21\uff22\u3000\uff17", "ab 7"),
        ("\ufb01ve", "five"),
        ("", ""),
        (".", ""),
    ],
)
def test_a_text_is_normalised(text: str, wanted: str) -> None:
    assert normalise(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The Red Car!", "red car"),
        ("seven", "7"),
        ("7.0", "7"),
        ("two red cars", "2 red cars"),
        ("“Stop”", "stop"),
        (".5", "0.5"),
        ("the", "the"),
        ("...", "..."[:2]),
        ("", ""),
    ],
)
def test_a_bare_text_has_neither_articles_nor_marks_nor_number_words(text: str, wanted: str) -> None:
    assert bare(text) == wanted


@given(st.text())
def test_a_bare_text_does_not_hang_on_case_and_outer_space(text: str) -> None:
    assert bare(f"  {text}\n") == bare(text)


def test_a_point_before_a_number_stays() -> None:
    assert stripped("(.5),") == ".5"


def test_articles_alone_stay() -> None:
    assert [without_articles(text) for text in ("a cat on the mat", "the a", "")] == ["cat on mat", "the a", ""]
