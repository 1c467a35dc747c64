"""Writes a run's reports into a folder, each file whole or not at all; knows no statistic."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from microscope.evaluation.analysis import Analysis
from microscope.evaluation.reports.page import report_html
from microscope.evaluation.reports.parquet import write_parquet
from microscope.evaluation.reports.provenance import citation, versions
from microscope.evaluation.reports.record import record_text, report_json
from microscope.evaluation.reports.tables import items_csv, summary_csv
from microscope.evaluation.results import Results
from microscope.records import Picture

HTML, JSON, ITEMS, PARQUET, SUMMARY = "report.html", "report.json", "items.csv", "items.parquet", "summary.csv"
UNFINISHED = ".part"


def write_reports(
    folder: Path, results: Results, analysis: Analysis, picture: Callable[[str], Picture], *, made: str
) -> tuple[Path, ...]:
    """Write report.html, report.json, items.csv, items.parquet and summary.csv, and return their paths in that order.

    `made` is when, ISO 8601 in UTC. The folder is made where there is none; a file that is there is replaced at once.
    """
    record = report_json(results, analysis, made=made, versions=versions(), citation=citation(results.set))
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        HTML: report_html(results, analysis, record, picture),
        JSON: record_text(record),
        ITEMS: items_csv(results),
        SUMMARY: summary_csv(analysis),
    }
    for name, text in texts.items():
        _replace(folder / name, partial(_write_text, text))
    _replace(folder / PARQUET, lambda path: write_parquet(results, path))
    return tuple(folder / name for name in (HTML, JSON, ITEMS, PARQUET, SUMMARY))


def _write_text(text: str, path: Path) -> None:
    """Write as it stands: the line ends of a CSV file are its own."""
    path.write_bytes(text.encode("utf-8"))


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside the place and rename: a reader sees a whole file or the one before."""
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=UNFINISHED)
    os.close(handle)
    unfinished = Path(name)
    try:
        write(unfinished)
        unfinished.chmod(0o644)
        unfinished.replace(path)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise
