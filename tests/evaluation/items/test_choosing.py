"""Which choice is right: letter, number, text; and columns of numbers that could mean several things."""

from __future__ import annotations

import pytest

from microscope.errors import UserError
from microscope.evaluation.items.cells import CellError, Choices
from microscope.evaluation.items.choosing import LABELS, TEXTS, Asked, read_numbers, right_letters

ANIMALS = Choices(("cat", "dog", "Cow"), ("A", "B", "C"))


def letters(choices: Choices, *answers: object) -> tuple[str, ...]:
    asked = Asked(choices, answers)
    return right_letters(asked, read_numbers([asked], "answer"))


def choices(*texts: str) -> Choices:
    return Choices(texts, tuple("ABCDEFGH"[: len(texts)]))


@pytest.mark.parametrize(
    ("answer", "letter"),
    [(0, "A"), (2, "C"), ("1", "B"), ("b", "B"), ("(C)", "C"), ("B.", "B"), ("dog", "B"), ("cow", "C"), (1.0, "B")],
)
def test_an_answer_is_a_letter_a_number_or_a_text(answer: object, letter: str) -> None:
    assert letters(ANIMALS, answer) == (letter,)


def test_several_may_be_right() -> None:
    assert letters(ANIMALS, "A", "dog", "B") == ("A", "B")


def test_keys_of_the_file_are_understood() -> None:
    keyed = Choices(("cat", "dog"), ("1", "2"))
    assert letters(keyed, 2) == ("B",)
    assert letters(keyed, "1") == ("A",)


@pytest.mark.parametrize("answer", ["D", "bird", "9", -1, True])
def test_an_answer_that_is_no_choice_is_refused(answer: object) -> None:
    with pytest.raises(CellError, match="not among the choices A: cat"):
        letters(ANIMALS, answer)


def test_a_letter_that_is_the_text_of_another_choice_is_refused() -> None:
    with pytest.raises(CellError, match="letter of another"):
        letters(choices("B", "A"), "A")
    assert letters(choices("A", "B"), "B") == ("B",)


def test_the_text_of_two_choices_is_refused() -> None:
    with pytest.raises(CellError, match="text of 2 choices"):
        letters(choices("cat", "cat"), "cat")
    assert letters(choices("cat", "cat"), "B") == ("B",)


def test_numbers_that_can_only_be_texts_are_texts_in_the_whole_column() -> None:
    rows = [Asked(choices("2", "3", "4"), (answer,)) for answer in ("3", "4", "2", "9")]
    reading = read_numbers(rows, "answer")
    assert reading.way == TEXTS
    assert right_letters(rows[2], reading) == ("A",)
    with pytest.raises(CellError):
        right_letters(rows[3], reading)


def test_numbers_that_can_only_be_labels_are_labels_in_the_whole_column() -> None:
    rows = [Asked(choices("2", "3", "4"), (2,)), Asked(ANIMALS, (0,)), Asked(ANIMALS, (1,)), Asked(ANIMALS, (7,))]
    reading = read_numbers(rows, "answer")
    assert (reading.way, reading.note) == (LABELS, "")
    assert right_letters(rows[0], reading) == ("C",)


def test_numbers_that_could_be_either_are_labels_with_a_note() -> None:
    rows = [Asked(choices("2", "1", "0"), (2,)), Asked(choices("1", "0"), (0,))]
    reading = read_numbers(rows, "answer")
    assert reading.way == LABELS
    assert "counting from 0" in reading.note
    assert read_numbers([Asked(choices("0", "1"), (1,))], "answer").note == ""


def test_a_column_that_counts_from_one_is_refused_as_a_whole() -> None:
    rows = [Asked(ANIMALS, (number,)) for number in (1, 3, 2)]
    with pytest.raises(UserError, match="count the choices from 1"):
        read_numbers(rows, "answer")
    assert read_numbers([*rows, Asked(ANIMALS, (0,))], "answer").way == LABELS


def test_a_set_without_numbers_has_nothing_to_decide() -> None:
    assert read_numbers([Asked(ANIMALS, ("A",))], "answer").note == ""
