"""What is told to Trackio is in its folder afterwards, offline and without an account."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from PIL import Image

from microscope.errors import UserError
from microscope.tracking.base import MetricPoint
from microscope.tracking.history import past_runs
from microscope.tracking.trackio_folder import library
from microscope.tracking.trackio_tracker import TRACKER
from tests.tracking.told import RUN, tell


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*args: object) -> NoReturn:
        raise AssertionError("a run was to be kept without a network")

    monkeypatch.setattr(socket.socket, "connect", connect)


def rows_of(project: str, name: str) -> list[dict[str, Any]]:
    """Return the rows of the only table of a run, by Trackio's own storage."""
    logs = library("trackio.sqlite_storage").SQLiteStorage.get_logs(project, name)
    (table,) = (row["disagreements"] for row in logs if "disagreements" in row)
    return table["_value"]


def test_numbers_a_table_with_its_picture_and_an_alert_come_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with TRACKER.start(RUN, tmp_path / "runs") as log:
        tell(log)
    (run,) = past_runs(tmp_path / "runs", "my scenes")
    assert run.metrics == {"score/mean": ((100, 0.5), (200, 0.75)), "score/low": ((200, 0.7),)}
    assert run.config == {"settings.seed": 3, "keep": None, "tags": ["scenes", "exact"]}
    assert (run.name, run.group) == ("tiny run", "scenes 1234")
    assert [(one.alert.title, one.alert.text, one.alert.level, one.alert.step) for one in run.alerts] == [
        ("worse", "It scores less.", "error", 200)
    ]
    first, second = rows_of("my-scenes", "tiny run")
    assert (first["item"], first["score"], second) == (
        "item-1",
        1.0,
        {"item": "item-2", "picture": None, "score": 0.0},
    )
    kept = tmp_path / "runs" / "media" / first["picture"]["file_path"]
    with Image.open(kept) as picture:
        assert (picture.size, picture.convert("RGB").getpixel((0, 0))) == ((12, 8), (255, 0, 0))
    assert capsys.readouterr().out == ""


def test_what_was_told_before_the_work_failed_is_kept(tmp_path: Path) -> None:
    def work() -> None:
        with TRACKER.start(RUN, tmp_path) as log:
            log.metrics([MetricPoint("score/mean", 0.5, 1)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    (run,) = past_runs(tmp_path, "my scenes")
    assert run.metrics == {"score/mean": ((1, 0.5),)}


def test_two_runs_open_at_once_do_not_end_each_other(tmp_path: Path) -> None:
    with TRACKER.start(RUN, tmp_path) as one, TRACKER.start(replace(RUN, name="other"), tmp_path) as other:
        one.metrics([MetricPoint("a", 1.0, 1)])
        other.metrics([MetricPoint("a", 2.0, 1)])
        one.metrics([MetricPoint("a", 3.0, 2)])
    found = {run.name: run.metrics["a"] for run in past_runs(tmp_path, "my scenes")}
    assert found == {"tiny run": ((1, 1.0), (2, 3.0)), "other": ((1, 2.0),)}


def test_a_name_with_a_path_in_it_stays_in_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "runs"
    with TRACKER.start(replace(RUN, name="../../../out", project="../up"), folder) as log:
        tell(log)
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["runs"]


def test_a_project_that_trackio_cannot_keep_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match="no project named 'registry-a'; choose another name"),
        TRACKER.start(replace(RUN, project="registry-a"), tmp_path),
    ):
        pass
