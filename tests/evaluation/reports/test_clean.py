"""Texts of others are made harmless, and numbers say no more than they know."""

from __future__ import annotations

import math

import pytest

from microscope.evaluation.reports.clean import harmless, rounded, whole


@pytest.mark.parametrize("start", list("=+-@\t\r\n＝＋－＠"))  # noqa: RUF001 (the wide ones are meant)
def test_what_a_spreadsheet_would_compute_gets_an_apostrophe(start: str) -> None:
    assert harmless(f"{start}1+1") == f"'{start}1+1"
    assert harmless(f"  {start}1+1") == f"'  {start}1+1"


def test_other_texts_stay_as_they_are() -> None:
    for text in ("", "a=b", "1,000", " x", "'=x"):
        assert harmless(text) == text


def test_half_a_character_becomes_a_question_mark() -> None:
    assert whole("a\ud83db") == "a?b"
    assert whole("🐈") == "🐈"


def test_numbers_have_ten_digits_and_rounding_is_nothing() -> None:
    assert rounded(0.1 + 0.2) == 0.3
    assert rounded(1 / 3) == 0.3333333333
    assert rounded(-3e-17) == 0.0
    assert math.copysign(1, rounded(-3e-17) or 0.0) == 1
    assert [rounded(value) for value in (math.nan, math.inf, -math.inf)] == [None, None, None]
