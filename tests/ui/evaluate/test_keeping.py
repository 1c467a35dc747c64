"""What can be taken away: each button's file, whole, and of the results that are shown."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq

from microscope.evaluation.analyse import analyse
from microscope.ui.evaluate.keeping import FILES, now, report_files
from tests.ui.evaluate.samples import arm, item_set, results_of


def test_the_files_come_in_the_order_of_the_buttons_and_agree(tmp_path: Path) -> None:
    items = item_set()
    results = results_of(items, [arm("a"), arm("b")])
    said = analyse(results)
    html, record, table, parquet = map(Path, report_files(str(tmp_path), results, said, items.pictures))
    assert tuple(path.name for path in (html, record, table, parquet)) == FILES
    assert "b is better than a: +50.0 points" in html.read_text("utf-8")
    assert json.loads(record.read_text("utf-8"))["analysis"]["verdict"] == said.verdict
    assert len(list(csv.reader(table.read_text("utf-8").splitlines()))) == 41
    assert pq.read_table(parquet).num_rows == 40


def test_the_time_is_of_no_place() -> None:
    assert now().endswith("+00:00")
