"""A tracker is found by its key, and one more is one file and one entry."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from microscope import tracking
from microscope.errors import UserError
from microscope.tracking.base import Alert, CheckpointVersion, Destination, MetricPoint, Table, TrackedRun
from tests.tracking.told import RUN, tell


@dataclass(frozen=True)
class LinesLog:
    file: Path

    def metrics(self, points: Sequence[MetricPoint]) -> None:
        with self.file.open("a", encoding="utf-8") as lines:
            lines.writelines(json.dumps([one.step, one.name, one.value]) + "\n" for one in points)

    def table(self, table: Table) -> None: ...
    def alert(self, alert: Alert) -> None: ...
    def checkpoint(self, version: CheckpointVersion) -> None: ...


@dataclass(frozen=True)
class LinesTracker:
    key: str = "lines"
    label: str = "A file of lines"
    install: str = ""

    @contextmanager
    def start(self, run: TrackedRun, folder: Path) -> Iterator[LinesLog]:
        yield LinesLog(folder / f"{run.name}.jsonl")


def test_a_tracker_of_ones_own_is_found_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "TRACKERS", (*tracking.TRACKERS, LinesTracker()))
    with Destination(tracking.find_tracker("lines"), tmp_path, "scenes").start(RUN) as log:
        tell(log)
    lines = (tmp_path / "tiny run.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        [100, "score/mean", 0.5],
        [200, "score/mean", 0.75],
        [200, "score/low", 0.7],
    ]


def test_the_default_comes_first_and_keys_are_unique() -> None:
    keys = [tracker.key for tracker in tracking.TRACKERS]
    assert keys == ["trackio", "wandb", "mlflow", "tensorboard", "none"]
    assert [tracking.find_tracker(key).key for key in keys] == keys


def test_an_unknown_tracker_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UserError, match="no tracker 'comet'; choose one of trackio, wandb, mlflow, tensorboard, none"):
        tracking.find_tracker("comet")


def test_no_library_is_imported_before_a_tracker_is_chosen() -> None:
    code = (
        "import sys, pkgutil, importlib, microscope.tracking as room\n"
        "for one in pkgutil.iter_modules(room.__path__): importlib.import_module(f'microscope.tracking.{one.name}')\n"
        "print(sorted({'trackio', 'wandb', 'mlflow', 'tensorboard', 'torch', 'gradio', 'pandas'} & set(sys.modules)))"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert child.stdout.strip() == "[]"
