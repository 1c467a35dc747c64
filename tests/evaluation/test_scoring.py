"""Strict scoring: what counts as the same answer, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.evaluation.scoring import exact_match, normalise


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
    ("answer", "references"),
    [("Red.", ("red",)), ("top  left", ("Top left.",)), ("7", ("seven", "7")), ("", ("",))],
)
def test_the_same_answer_in_another_dress_matches(answer: str, references: tuple[str, ...]) -> None:
    assert exact_match(answer, references)


@pytest.mark.parametrize(
    ("answer", "references"),
    [("a red", ("red",)), ("redd", ("red",)), ("7", ("17",)), ("red!", ("red",)), ("red", ()), ("", ("red",))],
)
def test_another_answer_does_not_match(answer: str, references: tuple[str, ...]) -> None:
    assert not exact_match(answer, references)


@given(st.text(), st.lists(st.text(), max_size=3))
def test_an_answer_always_matches_itself(answer: str, others: list[str]) -> None:
    assert exact_match(answer, [*others, answer])
    assert exact_match(f"  {answer}\n", [answer])
