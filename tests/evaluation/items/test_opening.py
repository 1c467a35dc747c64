"""Whatever a source is, it is opened or refused with advice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.evaluation.items.opening import Part, open_source
from tests.evaluation.items.sets import png, write, write_zip


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "save it as CSV"),
        ("a.csv.gz", b"\x1f\x8b\x08\0", "unpack it first"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c", "make it a zip"),
        ("a.arrow", b"ARROW1\0\0", "save it as Parquet"),
        ("a.png", png(), "is a picture"),
        ("a.zip", b"not one", "not a zip"),
        ("a.parquet", b"not one", "not a Parquet file"),
        ("a.bin", bytes(range(256)), "not a text"),
        ("a.csv", b"", "empty"),
    ],
)
def test_what_is_no_set_is_refused_with_advice(name: str, data: bytes, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=sentence) as raised:
        open_source(write(tmp_path / name, data), Part(), offline=True)
    assert str(tmp_path) not in str(raised.value)


def test_an_excel_file_is_no_zip_of_ours(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.xlsx", {"[Content_Types].xml": "<x/>", "a.csv": "a\n1\n"})
    with pytest.raises(UserError, match="is an Excel file"):
        open_source(path, Part(), offline=True)


@pytest.mark.parametrize("source", ["nowhere.csv", "a/b/c", "x" * 5_000, "\0", "data/items.csv"])
def test_what_is_not_there_is_said(source: str) -> None:
    with pytest.raises(UserError, match="no file or folder"):
        open_source(source, Part(), offline=True)


def test_a_path_is_never_a_name_on_the_hub() -> None:
    with pytest.raises(UserError, match="no file or folder"):
        open_source(Path("org/name"), Part(), offline=True)
    with pytest.raises(UserError, match="runs offline"):
        open_source("org/name", Part(), offline=True)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(UserError, match="neither a file nor a folder"):
        open_source(tmp_path / "pipe.csv", Part(), offline=True)


def test_rows_seen_first_are_rows_still(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "q\n" + "".join(f"{number}\n" for number in range(70)))
    opened = open_source(path, Part(), offline=True)
    assert opened.name == "a"
    assert len(opened.first) == 50
    assert [row.cells["q"] for row in opened.table.rows] == [str(number) for number in range(70)]
