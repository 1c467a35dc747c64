"""Multiple choice: one choice is read or none, and an item without a right one is refused."""

from __future__ import annotations

import pytest

from microscope.errors import UserError
from microscope.evaluation.scoring.base import NORMAL, STRICTNESS, Score
from microscope.evaluation.scoring.choice import read_choice, score
from microscope.records import Item

ANIMALS = ("cat", "dog", "horse", "cow")


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ("B", "BBB"),
        ("dog", "BBB"),
        ("b", "-BB"),
        ("A", "AAA"),
        ("a", "-AA"),
        ("A cow", "-DD"),
        ("**Answer:** B) dog", "-BB"),
        ("The answer is B because A is small", "--B"),
        ("The answer is B, not A.", "--B"),
        ("It's the dog, not the cat", "--B"),
        ("\\boxed{D}", "-DD"),
        ("<think>A or B?</think>C", "-CC"),
        ("The animal is a dog.", "-BB"),
        ("B. cat", "---"),
        ("The answer is B. cat", "---"),
        ("cat or dog", "---"),
        ("Both A and B", "---"),
        ("Not B", "---"),
        ("It is not a dog", "---"),
        ("A. cat B. dog C. horse D. cow", "---"),
        ("E", "---"),
    ],
)
def test_one_choice_is_read_or_none(answer: str, wanted: str) -> None:
    read = [read_choice(answer, ANIMALS, strictness) for strictness in STRICTNESS]
    assert "".join("-" if number is None else "ABCD"[number] for number in read) == wanted


def test_numbers_are_choices_too() -> None:
    choices = ("1", "2", "3")
    assert [read_choice("There are 3.", choices, strictness) for strictness in STRICTNESS] == [None, 2, 2]
    assert [read_choice("three", choices, strictness) for strictness in STRICTNESS] == [None, None, 2]


def test_letters_are_read_where_the_choices_are_in_the_question() -> None:
    assert read_choice("The answer is E", (), NORMAL) == 4


def test_the_right_choice_scores_and_no_choice_is_not_parsed() -> None:
    item = Item("1", "p", "q", ("dog",), choices=ANIMALS)
    assert score("B", item, NORMAL) == Score(1)
    assert score("A", item, NORMAL) == Score(0)
    assert score("A or B", item, NORMAL) == Score(0, parsed=False)


def test_an_item_without_a_right_choice_is_refused() -> None:
    with pytest.raises(UserError, match="no right choice"):
        score("B", Item("1", "p", "q", ("cow",), choices=("cat", "dog")), NORMAL)
