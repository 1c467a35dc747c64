"""Runs come back as they were kept, the latest first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.tracking.base import MetricPoint
from microscope.tracking.history import past_projects, past_runs
from microscope.tracking.trackio_tracker import TRACKER
from tests.tracking.told import RUN, tell


def test_a_folder_without_runs_has_no_projects_and_says_so(tmp_path: Path) -> None:
    assert past_projects(tmp_path / "none") == ()
    with pytest.raises(UserError, match="Nothing was tracked under the project 'scenes' yet"):
        past_runs(tmp_path / "none", "scenes")


def test_projects_are_by_name_and_runs_by_time(tmp_path: Path) -> None:
    for name in ("first", "second", "third"):
        with TRACKER.start(replace(RUN, name=name), tmp_path) as log:
            tell(log)
    with TRACKER.start(replace(RUN, project="another"), tmp_path) as log:
        log.metrics([MetricPoint("a", 1.0)])
    assert past_projects(tmp_path) == ("another", "my-scenes")
    runs = past_runs(tmp_path, "my scenes")
    assert [run.name for run in runs] == ["third", "second", "first"]
    assert [run.when for run in runs] == sorted((run.when for run in runs), reverse=True)
    assert [run.name for run in past_runs(tmp_path, "my scenes", most=1)] == ["third"]
    assert len({run.id for run in runs}) == 3


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        with TRACKER.start(RUN, tmp_path) as log:
            log.metrics([MetricPoint("a", value, 7)])
    assert [run.metrics["a"] for run in past_runs(tmp_path, "my scenes")] == [((7, 2.0),), ((7, 1.0),)]


def test_points_come_in_order_of_steps_however_they_were_told(tmp_path: Path) -> None:
    with TRACKER.start(RUN, tmp_path) as log:
        log.metrics([MetricPoint("a", 3.0, 30)])
        log.metrics([MetricPoint("a", 1.0, 10)])
    (run,) = past_runs(tmp_path, "my scenes")
    assert run.metrics == {"a": ((10, 1.0), (30, 3.0))}
