"""Writes what can be taken away from the tab: the report and the answers as files; knows no component."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from microscope.evaluation.analysis import Analysis
from microscope.evaluation.items.base import Pictures
from microscope.evaluation.reports import write_reports
from microscope.evaluation.results import Results

# In the order of the buttons.
FILES = ("report.html", "report.json", "items.csv", "items.parquet")


def report_files(folder: str, results: Results, analysis: Analysis, pictures: Pictures) -> list[str]:
    """Write the files into a folder and return their paths, in the order of `FILES`."""
    written = write_reports(Path(folder), results, analysis, pictures.read, made=now())
    paths = {path.name: str(path) for path in written}
    return [paths[name] for name in FILES]


def now() -> str:
    """Return the time in UTC, as ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
