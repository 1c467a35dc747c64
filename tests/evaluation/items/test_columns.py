"""Columns are guessed from names and contents, and what a person says goes first."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from microscope.errors import UserError
from microscope.evaluation.items.columns import FIELDS, guess_columns, require_columns, split_columns
from microscope.evaluation.items.tables import Row


def guess(cells: dict[str, object], **given: str) -> dict[str, object]:
    found = guess_columns(tuple(cells), [Row(1, cells)], given)
    return {name: value for name, value in asdict(found).items() if value}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (
            {"id": 1, "Image": "a.png", "Question": "q?", "Ground Truth": "x", "bbox": [0, 0, 1, 1]},
            {"id": "id", "image": "Image", "question": "Question", "answers": "Ground Truth", "evidence": "bbox"},
        ),
        (
            {"index": 1, "question": "q?", "A": "x", "B": "y", "answer": "A", "category": "c", "image": "iVBO" * 80},
            {name: name for name in ("image", "question")}
            | {"id": "index", "choices": "A,B", "answers": "answer", "kind": "category"},
        ),
        (
            {
                "image": None,
                "picture": {"bytes": b"x", "path": None},
                "query": "q?",
                "label": ["x"],
                "difficulty": "1",
            },
            {"image": "picture", "question": "query", "answers": "label", "tags": "difficulty"},
        ),
        (
            {"image": {"bytes": b"x"}, "question": "q?", "choices": ["x", "y"], "answer": 1, "solution": "s"},
            {"image": "image", "question": "question", "choices": "choices", "answers": "answer"},
        ),
        (
            {"shot": "x/a.jpg", "what": "Is it?", "gt": "yes", "url": "https://example.org/a.jpg"},
            {"image": "shot", "question": "what", "answers": "gt"},
        ),
        (
            {"option_a": "x", "option_b": "y", "option_c": "", "images": [{"bytes": b"x"}], "q": "?", "correct": "A"},
            {"image": "images", "question": "q", "answers": "correct", "choices": "option_a,option_b,option_c"},
        ),
    ],
)
def test_columns_are_guessed(cells: dict[str, object], expected: dict[str, str]) -> None:
    found = guess(cells)
    assert found.pop("guessed") == tuple(field for field in FIELDS if field in expected)
    assert found == expected


def test_a_column_that_is_empty_gives_way_to_one_that_is_not() -> None:
    assert guess({"image": "a.png", "question": "", "prompt": "q?", "answer": "x"})["question"] == "prompt"


def test_what_a_person_says_goes_first_and_is_no_guess() -> None:
    cells: dict[str, object] = {"image": "a.png", "question": "q?", "answer": "x", "label": "y", "type": "t"}
    found = guess(cells, answers="answer", kind="")
    assert found["answers"] == "answer"
    assert "kind" not in found
    assert found["guessed"] == ("image", "question")


def test_a_column_of_another_field_is_not_taken_twice() -> None:
    assert "kind" not in guess({"image": "a.png", "type": "x"}, answers="type")


def test_a_column_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no column awnser: the columns are image, answer\. Did you mean answer\?"):
        guess({"image": "a.png", "answer": "x"}, answers="awnser")
    with pytest.raises(UserError, match="no field answer"):
        guess({"image": "a.png"}, answer="image")
    with pytest.raises(UserError, match="no column D"):
        guess({"A": "x", "B": "y"}, choices="A,B,D")


def test_what_is_missing_is_named_together() -> None:
    found = guess_columns(("image", "x"), [Row(1, {"image": "a.png", "x": "y"})], {})
    with pytest.raises(UserError, match=r"holds the question and the answers: name it\. The columns are image, x"):
        require_columns(found, ("image", "x"))


def test_a_name_with_a_comma_in_it_is_one_column() -> None:
    assert split_columns("tags", "a, b", ("a, b", "a")) == ("a, b",)
    assert split_columns("tags", "a, b", ("a", "b")) == ("a", "b")
    assert split_columns("question", "a, b", ("a", "b")) == ("a, b",)
