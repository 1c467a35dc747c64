"""The Parquet file reads back as the table of items, with types."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from microscope.evaluation.reports.parquet import write_parquet
from tests.evaluation.reports.findings import HALF, SCRIPT, hostile, plain


def test_values_and_types_come_back(tmp_path: Path) -> None:
    made = plain()
    write_parquet(made, tmp_path / "items.parquet")
    found = parquet.read_table(tmp_path / "items.parquet")
    assert found.num_rows == 100
    assert found.schema.field("references").type == pa.list_(pa.string())
    assert found.schema.field("step-1000.normal").type == pa.float64()
    assert found.schema.field("step-1000.parsed").type == pa.bool_()
    assert found["id"].to_pylist() == [item.id for item in made.items]
    assert found["tags"].to_pylist()[4] == ["crowded", "light:bright"]
    assert found["step-2000.normal"].to_pylist() == made.matrix[:, 1].tolist()
    assert found.schema.metadata[b"set_sha256"] == made.set.digest.encode()


def test_hostile_texts_are_kept_but_for_half_characters(tmp_path: Path) -> None:
    write_parquet(hostile(), tmp_path / "items.parquet")
    found = parquet.read_table(tmp_path / "items.parquet")
    assert found["question"].to_pylist()[:6:5] == [SCRIPT, "?"]
    assert HALF not in found.column_names[-1]
