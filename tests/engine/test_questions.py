"""What a question must be before anything is queued."""

from __future__ import annotations

import pytest

from microscope.engine.questions import MAX_QUESTION, check_question
from microscope.errors import UserError


def test_a_question_comes_back_without_surrounding_white_space() -> None:
    assert check_question("  What is\nthis? \t\n") == "What is\nthis?"


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u00a0\u3000"])
def test_an_empty_question_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="no question yet"):
        check_question(text)


def test_a_question_of_the_greatest_length_passes() -> None:
    assert len(check_question(" " + "x" * MAX_QUESTION + " ")) == MAX_QUESTION


def test_a_question_that_is_too_long_is_told_its_length_and_the_limit() -> None:
    with pytest.raises(UserError, match="10,000 characters, and at most 2,000"):
        check_question("x" * 10_000)


@pytest.mark.parametrize("text", ["what\0is", "half \ud83d a smiley", "\udfff"])
def test_what_no_text_holds_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="not text"):
        check_question(text)


@pytest.mark.parametrize(
    "text", ["<image>", "Was ist das für ein Tier?", "これは何ですか", "\U0001f600 <end_of_utterance>"]
)
def test_any_other_text_passes_unchanged(text: str) -> None:
    assert check_question(text) == text
