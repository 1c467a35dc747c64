"""The table of items as a Parquet file, for data frames; knows no statistic."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from microscope.evaluation.reports.tables import COUNT, SCORE, TEXT, TEXTS, TRUTH, item_columns
from microscope.evaluation.results import Results


def write_parquet(results: Results, path: Path) -> None:
    """Write the table of items; lists stay lists, and the set's name and digest are metadata of the file."""
    # Named, because the values alone do not tell where all are empty.
    types = {
        TEXT: pa.string(),
        TEXTS: pa.list_(pa.string()),
        SCORE: pa.float64(),
        TRUTH: pa.bool_(),
        COUNT: pa.int64(),
    }
    columns = item_columns(results)
    facts = {"set": results.set.name, "set_sha256": results.set.digest, "scorer": results.scorer}
    schema = pa.schema([pa.field(column.name, types[column.type]) for column in columns], metadata=facts)
    arrays = [pa.array(column.values, types[column.type]) for column in columns]
    parquet.write_table(pa.Table.from_arrays(arrays, schema=schema), path, compression="zstd")
