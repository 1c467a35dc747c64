"""Tables of text: whatever was written comes back, and each record knows its line."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from microscope.errors import UserError
from microscope.evaluation.items import delimited
from microscope.evaluation.items.delimited import DELIMITERS, find_delimiter, read_delimited
from microscope.evaluation.items.tables import Row

CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le")


def read(text: str) -> list[Row]:
    return list(read_delimited(text.encode()).rows)


@settings(deadline=None, max_examples=150)
@given(
    records=st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=8),
    delimiter=st.sampled_from(DELIMITERS),
    encoding=st.sampled_from(ENCODINGS),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_was_written_comes_back_with_its_lines(
    records: list[list[str]], delimiter: str, encoding: str, end: str
) -> None:
    header = ["image", "question", "answers"]
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    lines = []
    for record in [header, *records]:
        lines.append(1 + text.getvalue().count("\n"))
        writer.writerow(record)
    data = text.getvalue().encode(encoding)
    # Without its mark, UTF-16 is found out from its letters alone.
    assume(encoding != "utf-16-le" or text.getvalue().isascii())
    table = read_delimited(data)
    assert table.columns == tuple(header)
    assert table.notes == []
    expected = [(line, record) for line, record in zip(lines[1:], records, strict=True) if any(map(str.strip, record))]
    assert [(row.number, list(row.cells.values())) for row in table.rows if not row.broken] == expected


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_the_delimiter_is_found_out_although_others_stand_in_cells(delimiter: str) -> None:
    others = [mark for mark in DELIMITERS if mark != delimiter]
    lines = [delimiter.join(("image", "question", "answers")) + "\n"]
    lines += [delimiter.join((f"{n}.png", f"a{others[n % 3]} b?", others[0].join("xyz"))) + "\n" for n in range(9)]
    assert find_delimiter(lines) == delimiter


def test_a_table_of_one_column_is_one() -> None:
    assert read_delimited(b"question\nwhat?\n").columns == ("question",)


def test_numbers_are_lines_over_blank_ones_and_quoted_breaks() -> None:
    rows = read('q,a\n\n"one\ntwo",x\n,\nthree,y\n')
    assert [(row.number, row.cells["q"]) for row in rows] == [(3, "one\ntwo"), (6, "three")]


def test_a_quotation_that_never_closes_costs_its_own_row_alone() -> None:
    rows = read('q,a\n"open,x\nnext,y\nlast,z\n')
    assert [(row.number, row.broken != "") for row in rows] == [(2, True), (3, False), (4, False)]
    assert "never closes" in rows[0].broken


def test_a_mark_inside_a_quoted_cell_is_named() -> None:
    rows = read('q,a\n"so "called" it",x\nnext,y\n')
    assert "double it" in rows[0].broken
    assert rows[1].cells == {"q": "next", "a": "y"}


def test_too_many_cells_are_named_and_too_few_are_empty() -> None:
    rows = read("q,a\none, two,x\nthree\nfour,y,,\n")
    assert "3 cells where the header has 2" in rows[0].broken
    assert rows[1].cells == {"q": "three", "a": ""}
    assert not rows[2].broken


def test_a_long_cell_is_no_problem_and_one_too_long_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(f"q,a\n{'x' * 200_000},y\n")[0].broken == ""
    monkeypatch.setattr(delimited, "MAX_CELL", 1_000)
    assert "longer than" in read(f"q,a\n{'x' * 2_000},y\n")[0].broken


def test_a_file_of_broken_quotations_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "MAX_BROKEN", 3)
    with pytest.raises(UserError, match="More than 3 lines"):
        read("q,a\n" + '"x"y,z\n' * 5)


@pytest.mark.parametrize("text", ["", "\n\n", " , \n"])
def test_a_table_without_a_header_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="empty"):
        read(text)


def test_a_header_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(UserError, match="Line 1, the header"):
        read('"q,a\n')
    with pytest.raises(UserError, match="columns"):
        read(",".join(f"c{number}" for number in range(1_001)) + "\n")
