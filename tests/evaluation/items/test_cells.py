"""Cells become answers, choices and words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.evaluation.items.cells import (
    CellError,
    as_text,
    parse_literal,
    read_answers,
    read_choices,
    read_lettered,
    read_tags,
    read_word,
)


@pytest.mark.parametrize(
    ("value", "typed", "answers"),
    [
        ("red", False, ("red",)),
        (" red | rot ", False, ("red", "rot")),
        ("a|b", True, ("a|b",)),
        ('["red", "rot"]', False, ("red", "rot")),
        ("['5', 'five']", True, ("5", "five")),
        ("[3, 4]", True, ("[3, 4]",)),
        ("[3, 4]", False, (3, 4)),
        ("(3, 4)", False, ("(3, 4)",)),
        ("[unclosed", False, ("[unclosed",)),
        (["red", None, "rot"], True, ("red", "rot")),
        (3, True, (3,)),
        (2.5, True, (2.5,)),
        ([{"answer": "yes", "answer_confidence": "maybe"}] * 3, True, ("yes",) * 3),
        ('[{"answer": "yes"}]', False, ("yes",)),
    ],
)
def test_answers_come_in_many_ways(value: object, typed: bool, answers: tuple[object, ...]) -> None:  # noqa: FBT001 - a parameter of the test
    assert read_answers(value, typed=typed) == answers


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (None, "no answer"),
        (" ", "no answer"),
        (float("nan"), "no answer"),
        ([], "no answer"),
        ("[]", "no answer"),
        ([None, ""], "no answer"),
        ("x" * 2_001, "2,001 characters"),
        (["x"] * 201, "201 answers"),
        ([{"confidence": 1}], "no `answer`"),
        (["\ud800"], "not text"),
        ([["nested"]], "not a text"),
    ],
)
def test_what_is_no_answer_is_said(value: object, sentence: str) -> None:
    with pytest.raises(CellError, match=sentence):
        read_answers(value, typed=True)


@pytest.mark.parametrize(
    ("value", "texts", "keys"),
    [
        (["cat", "dog"], ("cat", "dog"), ("A", "B")),
        ('["cat", "dog"]', ("cat", "dog"), ("A", "B")),
        ("['cat', \"dog's\"]", ("cat", "dog's"), ("A", "B")),
        ("cat|dog", ("cat", "dog"), ("A", "B")),
        ({"B": "dog", "A": "cat", "C": None}, ("cat", "dog"), ("A", "B")),
        ('{"10": "cat", "2": "dog"}', ("cat", "dog"), ("10", "2")),
        ({"text": ["cat", "dog"], "label": ["A", "B"]}, ("cat", "dog"), ("A", "B")),
        ([1, 2.0], ("1", "2"), ("A", "B")),
        (None, (), ()),
        ("[]", (), ()),
    ],
)
def test_choices_come_in_many_ways(value: object, texts: tuple[str, ...], keys: tuple[str, ...]) -> None:
    found = read_choices(value, typed=False)
    assert (found.texts, found.keys) == (texts, keys)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (["cat"], "only one choice"),
        (["cat", "", "dog"], "Choice B is empty"),
        (["x"] * 27, "27 choices"),
        (["x", "y" * 2_001], "more than 2,000"),
        ([["x"], "y"], "not a text"),
    ],
)
def test_what_are_no_choices_is_said(value: object, sentence: str) -> None:
    with pytest.raises(CellError, match=sentence):
        read_choices(value, typed=True)


def test_choices_in_columns_may_be_fewer_and_have_no_gap() -> None:
    assert read_lettered(["cat", "dog", "", None]).texts == ("cat", "dog")
    assert read_lettered(["", None]).texts == ()
    with pytest.raises(CellError, match="Choice B is empty"):
        read_lettered(["cat", "", "dog"])


def test_tags_are_words_or_name_and_value() -> None:
    plain = frozenset(["tags"])
    assert read_tags([("tags", "a; b, c;a")], plain=plain) == ("a", "b, c")
    assert read_tags([("tags", "a, b")], plain=plain) == ("a", "b")
    assert read_tags([("tags", ["a", "b"]), ("level", 3), ("topic", None)], plain=plain) == ("a", "b", "level:3")
    assert read_tags([("tags", None)], plain=plain) == ()
    with pytest.raises(CellError, match="51 tags"):
        read_tags([("tags", [str(number) for number in range(51)])], plain=plain)


def test_a_word_is_short_and_single() -> None:
    assert read_word(12) == "12"
    assert read_word(["x"]) == "x"
    assert read_word(None) == ""
    with pytest.raises(CellError, match="201 characters"):
        read_word("x" * 201)
    with pytest.raises(CellError, match="not a text"):
        read_word(["x", "y"])


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (3.0, "3"), (0.5, "0.5"), (" x ", "x"), (1e300, None)])
def test_values_become_texts(value: object, text: str | None) -> None:
    assert as_text(value) == (text or str(int(1e300)))


@pytest.mark.parametrize(
    "text", ["[" * 5_000 + "]", "[__import__('os')]", "[1+1+x]", "{1: }", "[" + "9" * 9_000 + "]"]
)
def test_a_text_that_is_no_literal_stays_one(text: str) -> None:
    assert parse_literal(text) == text


@given(st.lists(st.text(max_size=8), max_size=4))
def test_a_list_printed_by_python_comes_back(values: list[str]) -> None:
    assert parse_literal(str(values)) == values
