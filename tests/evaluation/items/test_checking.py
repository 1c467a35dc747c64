"""Rows become items, and what is odd about them is said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.evaluation.items import checking
from microscope.evaluation.items.base import ItemSet, Problem
from microscope.evaluation.items.reading import read_set
from microscope.records import Box
from tests.evaluation.items.sets import csv_text, jsonl, write, write_pictures

GOOD: dict[str, object] = {"image": "a.png", "question": "q?", "answers": "x"}


def read(folder: Path, rows: Sequence[dict[str, object]]) -> ItemSet:
    return read_set(write(write_pictures(folder) / "items.jsonl", jsonl(rows)))


def problems(found: ItemSet, row: int) -> list[Problem]:
    return [problem for problem in found.problems if problem.row == row]


@pytest.mark.parametrize(
    ("change", "column", "sentence"),
    [
        ({"question": " "}, "question", "There is no question."),
        ({"question": "x" * 2_001}, "question", "2,001 characters"),
        ({"question": "a\0b"}, "question", "not text"),
        ({"question": ["a"]}, "question", "not a text"),
        ({"answers": []}, "answers", "There is no answer."),
        ({"answers": "bird", "choices": ["cat", "dog"]}, "answers", "not among the choices"),
        ({"choices": ["cat"]}, "choices", "only one choice"),
        ({"image": None}, "image", "no picture in this row"),
        ({"image": "c.png"}, "image", "no file c.png"),
        ({"image": "broken.png"}, "image", "not an image"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused(
    change: dict[str, object], column: str, sentence: str, tmp_path: Path
) -> None:
    write(tmp_path / "broken.png", b"none")
    found = read(tmp_path, [GOOD | {"choices": None}, GOOD | change])
    assert len(found.items) == 1
    assert (found.facts.rows, found.facts.refused) == (2, 1)
    (problem,) = found.problems
    assert (problem.row, problem.column, problem.refused) == (2, column, True)
    assert sentence in problem.message


def test_everything_that_is_wrong_with_a_row_is_said(tmp_path: Path) -> None:
    found = read(tmp_path, [GOOD | {"choices": None}, {"image": "c.png", "question": "", "choices": ["cat"]}])
    assert [problem.column for problem in problems(found, 2)] == ["image", "question", "choices", "answers"]
    assert found.facts.refused == 1


def test_a_row_with_odd_extras_is_used_without_them(tmp_path: Path) -> None:
    row = GOOD | {"id": "x" * 201, "kind": ["a", "b"], "tags": ["t"] * 3, "bbox": "here"}
    found = read(tmp_path, [row])
    (item,) = found.items
    assert (item.id, item.kind, item.tags, item.evidence) == ("item-1", "", ("t",), ())
    assert [(problem.column, problem.refused) for problem in found.problems] == [
        ("id", False),
        ("kind", False),
        ("bbox", False),
    ]
    assert all(problem.message.endswith("It was left out.") for problem in found.problems)


def test_ids_become_unique_and_are_made_up_where_they_are_missing(tmp_path: Path) -> None:
    ids = ["a", "a", "a (2)", None, "item-6", None, "a"]
    rows = [GOOD | {"id": id_, "question": f"{at}?"} for at, id_ in enumerate(ids)]
    found = read(tmp_path, rows)
    assert [item.id for item in found.items] == ["a", "a (3)", "a (2)", "item-4", "item-6", "item-6 (1)", "a (4)"]
    assert [problem.row for problem in found.problems] == [2, 7]
    assert "became a (3)" in found.problems[0].message


def test_the_same_question_about_the_same_pixels_is_noted(tmp_path: Path) -> None:
    write(tmp_path / "copy.png", (write_pictures(tmp_path) / "a.png").read_bytes())
    found = read(tmp_path, [GOOD, GOOD | {"image": "b.png"}, GOOD | {"image": "copy.png", "question": "Q? "}])
    assert len(found.items) == 3
    (problem,) = found.problems
    assert (problem.row, problem.refused) == (3, False)
    assert "as in line 1" in problem.message


def test_evidence_is_checked_against_the_picture(tmp_path: Path) -> None:
    boxes = [[0, 0, 4, 8], [0, 0, 90, 90]]
    found = read(tmp_path, [GOOD | {"evidence": boxes}])
    assert found.items[0].evidence == (Box(0, 0, 0.5, 1),)
    (problem,) = found.problems
    assert "outside the picture of 8 x 8 pixels" in problem.message
    assert not problem.refused


def test_tags_of_several_columns_are_names_and_values(tmp_path: Path) -> None:
    rows = [("image", "question", "answers", "level", "Tags"), ("a.png", "q?", "x", "3", "u;v")]
    path = write(write_pictures(tmp_path) / "a.csv", csv_text(rows))
    assert read_set(path, columns={"tags": "Tags,level"}).items[0].tags == ("u", "v", "level:3")


def test_more_rows_than_a_set_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "MAX_ROWS", 3)
    with pytest.raises(UserError, match="more than 3 rows"):
        read(tmp_path, [GOOD] * 4)


def test_a_note_on_the_columns_numbers_is_passed_on(tmp_path: Path) -> None:
    found = read(tmp_path, [GOOD | {"choices": ["1", "0"], "answers": 1}])
    assert found.items[0].answers == ("B",)
    assert "counting from 0" in found.notes[0]
