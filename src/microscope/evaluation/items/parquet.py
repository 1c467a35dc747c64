"""Reads rows from Parquet files, a few at a time; knows nothing of what their columns mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from microscope.errors import UserError
from microscope.evaluation.items.tables import MAX_COLUMNS, Row, Table

# Rows that are in memory at once: each may carry a picture.
BATCH = 32
# Uncompressed, pictures included; a file that claims more is refused before anything is read.
MAX_PARQUET_BYTES = 16 * 1024**3
PARQUET_ERRORS = (pa.ArrowException, OSError, ValueError)


def read_parquet(paths: Sequence[Path]) -> Table:
    """Return the table in one Parquet file, or in the parts of one in order; rows are counted from 1 over all parts.

    Raises `UserError` where a part cannot be read, is too large, or has other columns than the first.
    """
    columns: tuple[str, ...] = ()
    size = 0
    for path in paths:
        metadata, names = _open(path)
        size += sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
        if columns and set(names) != set(columns):
            raise UserError(f"{path.name} has other columns than {paths[0].name}: choose one of them.")
        columns = columns or names
    if size > MAX_PARQUET_BYTES:
        raise UserError(
            f"The Parquet file unpacks to {size / 1024**3:.1f} GB, and at most {MAX_PARQUET_BYTES // 1024**3} GB can"
            " be read: split it."
        )
    if not columns or len(columns) > MAX_COLUMNS:
        raise UserError(f"The Parquet file has {len(columns):,} columns; from 1 to {MAX_COLUMNS:,} can be read.")
    return Table(columns, _rows(paths), typed=True)


def _open(path: Path) -> tuple[pq.FileMetaData, tuple[str, ...]]:
    try:
        with pq.ParquetFile(path) as file:
            return file.metadata, tuple(file.schema_arrow.names)
    except PARQUET_ERRORS as error:
        raise UserError(_broken(path)) from error


def _rows(paths: Sequence[Path]) -> Iterator[Row]:
    number = 0
    for path in paths:
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=BATCH):
                    for cells in batch.to_pylist():
                        number += 1
                        yield Row(number, cells)
        except PARQUET_ERRORS as error:
            raise UserError(f"{_broken(path)} It broke after row {number:,}.") from error


def _broken(path: Path) -> str:
    return f"{path.name} is not a Parquet file that can be read: download or save it again."
