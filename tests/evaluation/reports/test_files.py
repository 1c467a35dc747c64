"""All reports are written, each whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from microscope.evaluation.analyse import analyse
from microscope.evaluation.reports import files, items_csv, write_reports
from tests.evaluation.analyse.made import shuffled
from tests.evaluation.reports.findings import MADE, hostile, picture, plain

NAMES = ["report.html", "report.json", "items.csv", "items.parquet", "summary.csv"]


def test_five_files_are_written_and_nothing_else(tmp_path: Path) -> None:
    made = plain()
    found = write_reports(tmp_path / "deep" / "er", made, analyse(made), picture, made=MADE)
    assert [path.name for path in found] == NAMES
    assert sorted(path.name for path in (tmp_path / "deep" / "er").iterdir()) == sorted(NAMES)
    assert json.loads(found[1].read_text(encoding="utf-8"))["times"]["made"] == MADE
    assert found[2].read_bytes() == items_csv(made).encode()


def test_the_same_answers_are_the_same_files(tmp_path: Path) -> None:
    one, two = plain(), shuffled(plain())
    first = write_reports(tmp_path / "a", one, analyse(one), picture, made=MADE)
    second = write_reports(tmp_path / "b", two, analyse(two), picture, made=MADE)
    for before, after in zip(first, second, strict=True):
        assert before.read_bytes() == after.read_bytes(), before.name


def test_hostile_results_are_written(tmp_path: Path) -> None:
    made = hostile()
    for path in write_reports(tmp_path, made, analyse(made), picture, made=MADE):
        assert path.stat().st_size > 0


def test_what_was_there_stays_whole_where_the_new_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = plain()
    write_reports(tmp_path, made, analyse(made), picture, made=MADE)
    before = (tmp_path / "items.parquet").read_bytes()

    def full(results: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(files, "write_parquet", full)
    with pytest.raises(OSError, match="no space"):
        write_reports(tmp_path, made, analyse(made), picture, made=MADE)
    assert (tmp_path / "items.parquet").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)
