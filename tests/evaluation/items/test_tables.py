"""Tables as readers give them."""

from __future__ import annotations

import pytest

from microscope.evaluation.items.tables import Row, shorten, take, unique_names


@pytest.mark.parametrize(
    ("value", "short"),
    [
        (None, ""),
        ("two\nlines\0", "two lines"),
        (["a", 1], "['a', 1]"),
        (b"12345", "5 bytes"),
        ({"bytes": b"123", "path": "a.png"}, "3 bytes a.png"),
        ("x" * 100, "x" * 59 + "…"),
        ("lone \ud800 half", "lone   half"),
    ],
)
def test_a_cell_is_shown_in_one_short_line(value: object, short: str) -> None:
    assert shorten(value) == short


def test_a_long_cell_is_cut_even_where_its_beginning_is_blank() -> None:
    assert shorten(" " * 1000 + "end").endswith("…")


def test_the_first_rows_are_seen_and_none_is_lost() -> None:
    rows = [Row(number, {}) for number in range(5)]
    first, every = take(iter(rows), 2)
    assert first == rows[:2]
    assert list(every) == rows


def test_columns_without_a_name_or_with_one_of_another_get_their_own() -> None:
    assert unique_names(["a", "", "a"]) == ("a", "column 2", "a (2)")
