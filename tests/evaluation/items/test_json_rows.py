"""Rows from JSON, a line each or in one list."""

from __future__ import annotations

import pytest

from microscope.errors import UserError
from microscope.evaluation.items.json_rows import object_rows, read_json


def read(text: str) -> list[tuple[int, object, str]]:
    return [(row.number, dict(row.cells), row.broken) for row in read_json(text.encode()).rows]


def test_a_line_is_a_row_and_counts_as_one() -> None:
    assert read('{"a": 1}\n\n{"a": 2}\r\n') == [(1, {"a": 1}, ""), (3, {"a": 2}, "")]


def test_a_line_alone_is_a_row_even_over_a_separator_that_json_allows() -> None:
    assert read('{"a": "x\u2028y"}') == [(1, {"a": "x\u2028y"}, "")]


@pytest.mark.parametrize("text", ['[{"a": 1}, {"b": 2}]', '{"version": 2, "data": [{"a": 1}, {"b": 2}]}'])
def test_a_list_is_rows_wherever_it_is(text: str) -> None:
    assert read(text) == [(1, {"a": 1}, ""), (2, {"b": 2}, "")]


def test_columns_are_those_of_all_rows() -> None:
    lines = '{"a": 1}\n' * 300 + '{"b": 1}\n'
    assert read_json(lines.encode()).columns == ("a", "b")


def test_broken_lines_are_rows_that_say_why() -> None:
    rows = read('{"a": 1}\n{"a": \n[1, 2]\n{"a": ' + "9" * 5_000 + '}\n{"a": 2}\n')
    assert [number for number, _, broken in rows if broken] == [2, 3, 4]
    assert "not JSON" in rows[1][2]
    assert "not a JSON object" in rows[2][2]


def test_nesting_without_end_is_said_and_not_fallen_into() -> None:
    rows = read('{"a": 1}\n{"a": ' + "[" * 100_000 + "\n")
    assert "nested too deeply" in rows[1][2]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("  \n", "empty"),
        ("[1, 2", "not JSON"),
        ("hello\nworld\n", "No line of the file is a JSON object"),
        ("{}", "No line of the file is a JSON object"),
        ("[]", ""),
    ],
)
def test_what_holds_no_rows_is_refused(text: str, sentence: str) -> None:
    if not sentence:
        assert read(text) == []
        return
    with pytest.raises(UserError, match=sentence):
        read(text)


def test_more_fields_than_any_table_has_are_refused() -> None:
    rows = ",".join(f'{{"f{number}": 1}}' for number in range(1_001))
    with pytest.raises(UserError, match="different fields"):
        read(f"[{rows}]")


def test_a_small_file_holds_one_object_or_several() -> None:
    assert object_rows('{"a": 1}') == [{"a": 1}]
    assert object_rows('[{"a": 1}, {"a": 2}]') == [{"a": 1}, {"a": 2}]
    for text in ("[]", "3", '["a"]', "{"):
        with pytest.raises(UserError):
            object_rows(text)
