"""Rows from Parquet files, pictures among them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from microscope.errors import UserError
from microscope.evaluation.items import parquet
from microscope.evaluation.items.parquet import read_parquet


def written(path: Path, columns: dict[str, list[object]]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_rows_of_all_parts_are_counted_on(tmp_path: Path) -> None:
    first = written(tmp_path / "a.parquet", {"n": list(range(40)), "s": [{"bytes": b"x", "path": None}] * 40})
    second = written(tmp_path / "b.parquet", {"n": [40], "s": [{"bytes": b"y", "path": "p"}]})
    table = read_parquet([first, second])
    rows = list(table.rows)
    assert table.columns == ("n", "s")
    assert [(row.number, row.cells["n"]) for row in rows] == [(number + 1, number) for number in range(41)]
    assert rows[40].cells["s"] == {"bytes": b"y", "path": "p"}


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(UserError, match=r"a\.parquet is not a Parquet file"):
        read_parquet([path])


def test_a_file_that_breaks_on_the_way_says_where(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", {"text": [f"{number}" * 50 for number in range(100)]})
    data = bytearray(path.read_bytes())
    data[8:600] = bytes(592)
    path.write_bytes(data)
    with pytest.raises(UserError, match="broke after row 0"):
        list(read_parquet([path]).rows)


def test_parts_with_other_columns_are_refused(tmp_path: Path) -> None:
    first, second = written(tmp_path / "a.parquet", {"n": [1]}), written(tmp_path / "b.parquet", {"m": [1]})
    with pytest.raises(UserError, match=r"b\.parquet has other columns than a\.parquet"):
        read_parquet([first, second])


def test_a_file_that_unpacks_to_too_much_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MAX_PARQUET_BYTES", 10)
    with pytest.raises(UserError, match="unpacks to"):
        read_parquet([written(tmp_path / "a.parquet", {"n": [1]})])
