"""The choices of an item: by letter, by text, and which is right."""

from __future__ import annotations

import pytest

from microscope.errors import UserError
from microscope.evaluation.scoring.options import less_articles, only, options_of, right_choices
from microscope.records import Item

ANIMALS = ("cat", "dog", "horse")


def item(*answers: str, choices: tuple[str, ...] = ANIMALS) -> Item:
    return Item("one", "p", "q", answers, choices=choices)


@pytest.mark.parametrize("answer", ["B", "b", "(B)", "B.", "dog", "Dog.", " dog "])
def test_the_right_choice_is_named_by_letter_or_text(answer: str) -> None:
    assert right_choices(item(answer)) == {1}


def test_several_answers_and_equal_texts_are_all_right() -> None:
    assert right_choices(item("A", "horse")) == {0, 2}
    assert right_choices(item("Dog", choices=("dog", "cat", "dog"))) == {0, 2}


def test_a_capital_letter_is_a_letter_even_where_it_is_a_text() -> None:
    assert right_choices(item("A", choices=("B", "A"))) == {0}
    assert right_choices(item("a", choices=("the", "a"))) == {1}


def test_letters_alone_do_where_the_choices_are_in_the_question() -> None:
    assert right_choices(item("D", choices=())) == {3}


@pytest.mark.parametrize(
    ("answers", "choices"), [(("cow",), ANIMALS), (("D",), ANIMALS), ((), ANIMALS), (("dog",), ())]
)
def test_an_item_without_a_right_choice_is_refused(answers: tuple[str, ...], choices: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match="'one' has no right choice; give it as its answer"):
        right_choices(item(*answers, choices=choices))


def test_an_answer_names_a_choice_by_what_is_left_of_both() -> None:
    options = options_of(ANIMALS)
    assert options.called("The Dog.", less_articles) == 1
    assert options.called("dogs", less_articles) is None
    assert options.called("", less_articles) is None
    assert options.lettered("**c**") == 2
    assert options.lettered("d") is None
    assert options.strict("cat") == 0
    assert options.strict("b") is None


def test_only_one_is_one() -> None:
    assert [only([1, 1]), only([1, 2]), only([])] == [1, None, None]
