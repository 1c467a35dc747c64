"""Which choices a sentence mentions, denies and offers, and what it decides on."""

from __future__ import annotations

import time

import pytest

from microscope.evaluation.scoring.mentions import decision, mentions
from microscope.evaluation.scoring.options import options_of

ANIMALS = options_of(("cat", "dog", "horse", "cow"))


@pytest.mark.parametrize(
    ("text", "letters", "texts"),
    [
        ("B", {1}, set()),
        ("A dog", set(), {1}),
        ("A is right", {0}, set()),
        ("option a", {0}, set()),
        ("option a dog", set(), {1}),
        ("Option A shows it", {0}, set()),
        ("choice c", {2}, set()),
        ("b) dog", {1}, {1}),
        ("the answer is b.", {1}, set()),
        ("a category", set(), set()),
        ("Bus", set(), set()),
        ("B-movie, U.S.A.", set(), set()),
        ("E", set(), set()),
        ("DOGS and a COW", set(), {3}),
    ],
)
def test_choices_are_mentioned_by_letter_and_text(text: str, letters: set[int], texts: set[int]) -> None:
    found = mentions(text, ANIMALS)
    assert (found.letters, found.texts) == (letters, texts)


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("not a dog", {1}),
        ("It isn't the dog", {1}),
        ("B is wrong", {1}),
        ("the dog is not it", {1}),
        ("not a dog but a cow", {1}),
        ("No, it is a dog", set()),
        ("a dog", set()),
    ],
)
def test_choices_are_denied(text: str, denied: set[int]) -> None:
    assert mentions(text, ANIMALS).denied == denied


@pytest.mark.parametrize(
    ("text", "unsure"),
    [("A or B", True), ("a dog or so", True), ("B. cat", True), ("B: the dog", False), ("B. Unlike the cat", False)],
)
def test_an_alternative_and_a_contradiction_are_unsure(text: str, unsure: bool) -> None:  # noqa: FBT001 - a column
    assert mentions(text, ANIMALS).unsure is unsure


def test_the_longer_text_is_mentioned_not_the_shorter_in_it() -> None:
    options = options_of(("red", "dark red", "vitamin C"))
    assert mentions("a dark red", options).texts == {1}
    found = mentions("vitamin C", options)
    assert (found.letters, found.texts) == (set(), {2})


def test_a_text_that_two_choices_have_names_none() -> None:
    assert mentions("a dog", options_of(("dog", "Dog", "cat"))).texts == set()


def test_a_number_is_not_part_of_another() -> None:
    assert mentions("3.5", options_of(("3", "5"))).texts == set()
    assert mentions("there are 3.", options_of(("3", "5"))).texts == {0}


def test_the_pronoun_is_no_option() -> None:
    options = options_of(tuple(f"choice {number}" for number in range(9)))
    assert mentions("I think so", options).letters == set()
    assert mentions("(I)", options).letters == {8}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Because A is too small, I pick D", "D"),
        ("I choose A. No, I choose B. Because", "B"),
        ("The answer is B because A is small", "B"),
        ("A dog", None),
        ("I pick", None),
    ],
)
def test_the_last_decision_is_what_is_decided(text: str, wanted: str | None) -> None:
    assert decision(text) == wanted


@pytest.mark.parametrize("part", ["not ", "not a ", "A ", "A or ", "dog ", "answer is ", "(", "B. cat ", "\x01"])
def test_long_nonsense_takes_no_time(part: str) -> None:
    begin = time.process_time()
    mentions(part * 5000, ANIMALS)
    decision(part * 5000)
    assert time.process_time() - begin < 2
