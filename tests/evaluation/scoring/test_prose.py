"""What a sentence gives as its answer, and when it gives none."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from microscope.evaluation.scoring.prose import hedged, number_in, readings, rival, stated, unwrapped


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The answer is red.", "red"),
        ("Answer: 3.5", "3.5"),
        ("The answer to the question is 7. It has seven legs.", "7"),
        ("The final answer is: **Red**.", "Red"),
        ("It's red", "red"),
        ("The colour of the car is red", "red"),
        ("The sign reads: STOP", "STOP"),
        ("so \\boxed{42}, is it", "42"),
        ("<answer>blue</answer>", "blue"),
        ("<think>The answer is blue.</think>The answer is red.", "red"),
        ("\\boxed{1} or \\boxed{2}", None),
        ("The answer is red. Or the answer is blue.", None),
        ("the man's hat", None),
        ("The car is red. The road is blue.", None),
        ("red", None),
        ("", None),
    ],
)
def test_a_text_states_its_answer(text: str, wanted: str | None) -> None:
    assert stated(text) == wanted


@pytest.mark.parametrize(
    ("text", "references", "wanted"),
    [
        ("I see a red car", ("red",), "red"),
        ("I see a blue car", ("red",), "blue"),
        ("a red car on a blue road", ("red",), None),
        ("not red", ("red",), None),
        ("red or so", ("red",), None),
        ("Yes, it is not far.", ("yes",), "yes"),
        ("No, there is no dog", ("no",), "no"),
        ("yes and no", ("yes",), None),
        ("maybe yes", ("yes",), None),
        ("I count seven dogs", ("7",), "7"),
        ("I count eight dogs", ("seven",), "8"),
        ("I see a red car", ("car",), None),
    ],
)
def test_the_word_of_the_references_kind_is_read_whatever_is_right(
    text: str, references: tuple[str, ...], wanted: str | None
) -> None:
    assert rival(text, references) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The answer is 7", "7"),
        ("It is not clear, but the answer is seven", "7"),
        ("In 2010 it was 7", "7"),
        ("The value is .5", "0.5"),
        ("7 kg", "7"),
        ("at least 7", None),
        ("not 7", None),
        ("7 or 8", None),
        ("The answer is 7 or 8", None),
        ("it cannot be known before 2030", None),
    ],
)
def test_a_number_is_read_where_it_is_sure(text: str, wanted: str | None) -> None:
    assert number_in(text) == (None if wanted is None else Decimal(wanted))


def test_a_denial_an_alternative_and_a_bound_are_hedges() -> None:
    assert all(hedged(text) for text in ("not red", "isn't", "a or b", "more than two", "no dog"))
    assert not any(hedged(text) for text in ("a knot", "red", "nobler orange"))


def test_what_stands_around_an_answer_is_left_out() -> None:
    assert unwrapped('<think>hm</think>\n"**Red**".') == "Red"
    assert unwrapped("...") == "..."


def test_readings_begin_with_the_whole() -> None:
    assert readings("The car is dark red.", ("red",)) == ("The car is dark red", "dark red", "red")
    assert readings("", ("red",)) == ()


@pytest.mark.parametrize(
    "part", ["answer ", "answer is ", "is ", "\\boxed{", "<answer>", "not a ", "1 ", "one-", "a'"]
)
def test_long_nonsense_takes_no_time(part: str) -> None:
    begin = time.process_time()
    readings(part * 5000, ("red", "7"))
    assert time.process_time() - begin < 2
