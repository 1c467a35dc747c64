"""The report on a set's rows, for people and for tables."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from microscope.evaluation.items.base import Problem
from microscope.evaluation.items.reading import read_set
from microscope.evaluation.items.report import first_problems, problems_csv, validation_report
from tests.evaluation.items.sets import csv_text, write, write_pictures


def test_each_row_stands_in_one_line_with_all_that_is_wrong(tmp_path: Path) -> None:
    rows = [("image", "question", "answers"), ("a.png", "", ""), ("a.png", "q?", "x"), ("a.png", "q?", "y")]
    found = read_set(write(write_pictures(tmp_path) / "my.csv", csv_text(rows)), name="Mine")
    report = validation_report(found)
    assert "Set: Mine\nRows: 3, of which 2 are items and 1 are refused\nPictures: 1 different ones\n" in report
    assert "Columns: image = image (guessed)" in report
    assert found.facts.digest in report
    assert "Refused (1)\n  line 2: question: There is no question. answers: There is no answer.\n" in report
    assert "Used, with a note (1)\n  line 4: question: The same picture and question as in line 3" in report


def test_a_set_without_a_problem_says_so(tmp_path: Path) -> None:
    rows = [("image", "question", "answers"), ("a.png", "q?", "x")]
    found = read_set(write(write_pictures(tmp_path) / "my.csv", csv_text(rows)))
    assert validation_report(found).endswith("Nothing is wrong with any row.\n")


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "\r=1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    text = problems_csv([Problem(3, cell, cell)])
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows == [["row", "column", "message", "refused"], ["3", f"'{cell}", f"'{cell}", "yes"]]


def test_the_first_problems_are_named_and_the_others_counted() -> None:
    problems = [Problem(number, "a", "Wrong.", refused=False) for number in range(1, 5)]
    assert first_problems(problems, "row", 2) == "Row 1: a: Wrong. Row 2: a: Wrong. (2 more.)"
    assert first_problems(problems[:1], "row", 2) == "Row 1: a: Wrong."
