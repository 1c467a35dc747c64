"""The table of items has everything of every arm, in the set's order, and nothing in it computes."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from microscope.evaluation.analyse import analyse
from microscope.evaluation.reports.tables import item_columns, items_csv, summary_csv
from tests.evaluation.analyse.made import results, shuffled
from tests.evaluation.reports.findings import FORMULA, HUGE, hostile, plain


def rows(text: str) -> list[dict[str, str]]:
    csv.field_size_limit(len(HUGE) * 2)
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_row_has_the_item_and_every_arms_answer() -> None:
    made = plain()
    answers = (replace(made.answers[0], cut=frozenset({7})), *made.answers[1:])
    parsed = made.parsed.copy()
    parsed[7, 0] = False
    found = rows(items_csv(replace(made, answers=answers, parsed=parsed)))
    assert len(found) == 100
    row = found[7]
    assert (row["id"], row["image"], row["image_sha256"]) == ("item-00007", "image-00001.png", f"{1:064x}")
    assert (row["question"], row["references"], row["kind"]) == (made.items[7].question, "one two", "left")
    assert found[4]["tags"] == "crowded | light:bright"
    assert (row["step-1000.answer"], float(row["step-1000.normal"])) == (made.answers[0].texts[7], made.matrix[7, 0])
    assert (row["step-1000.parsed"], row["step-1000.cut"], row["step-1000.tokens"]) == ("0", "1", "3")
    assert row["step-3000.address"] == made.answers[2].addresses[7]
    assert found[3]["step-1000.failure"] == "The image could not be read."
    assert row["step-1000.failure"] == ""


def test_the_order_answers_came_in_does_not_show() -> None:
    assert items_csv(shuffled(plain())) == items_csv(plain())


def test_no_cell_and_no_heading_begins_as_a_formula() -> None:
    text = items_csv(hostile())
    for row in csv.reader(io.StringIO(text, newline="")):
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    found = rows(text)
    assert found[2]["question"] == f"'{FORMULA}"
    assert found[7]["question"] == "'-1"
    assert found[10]["question"] == "a\nb,c"


def test_our_own_numbers_stay_numbers() -> None:
    made = analyse(plain())
    lower = replace(made.marks[0], score=replace(made.marks[0].score, value=-0.25))
    (first, *_) = rows(summary_csv(replace(made, marks=(lower, *made.marks[1:]))))
    assert first["score"] == "-0.25"


def test_the_summary_has_a_row_an_arm() -> None:
    made = analyse(plain())
    found = rows(summary_csv(made))
    assert [row["arm"] for row in found] == ["step-1000", "step-2000", "step-3000"]
    assert float(found[2]["score"]) == pytest.approx(0.75)
    assert float(found[2]["low"]) == pytest.approx(made.marks[2].score.low)
    assert (found[0]["failed"], found[0]["items"], found[0]["images"]) == ("1", "100", "20")


def test_what_is_not_there_is_an_empty_cell() -> None:
    made = analyse(results(np.array([[1.0], [0.0]])))
    assert rows(summary_csv(made))[0]["low"] == ""


def test_columns_are_as_long_as_the_items() -> None:
    assert {len(column.values) for column in item_columns(plain())} == {100}
