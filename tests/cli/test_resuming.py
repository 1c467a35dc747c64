"""The proof of resuming: whatever ends a run, the next one loses nothing, doubles nothing, and reports the same.

Each run is the command line in a process of its own, over the same set and data folder: the first is interrupted as by
Ctrl-C, the second is killed, the third comes to its end. What it reports is held against a run that nobody stopped.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from microscope.cli import INTERRUPTED
from tests.cli.commands import environment, ran, shipped_rows, write_set

ITEMS, MODELS = 150, ("scenes-step-300", "scenes-step-6000")
ANSWERS = ITEMS * len(MODELS)


@pytest.fixture(scope="module")
def resume() -> Iterator[ModuleType]:
    """Return the script that proves the same over the whole set."""
    folder = str(Path(__file__).resolve().parents[2] / "benchmarks")
    sys.path.insert(0, folder)
    yield importlib.import_module("evaluate_resume")
    sys.path.remove(folder)


@dataclass(frozen=True)
class Story:
    """What became of three runs: statuses, what was kept at the end of each, and what the last one counted."""

    statuses: tuple[int, int, int]
    interrupted: list[str]
    killed: list[str]
    ended: list[str]
    computed: int
    reused: int
    words: str
    reports: Path
    arguments: list[str]


@pytest.fixture(scope="module")
def story(resume: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("resuming")
    data, reports = folder / "data", folder / "reports"
    items = write_set(folder / "set", shipped_rows(ITEMS))
    arguments = ["--set", str(items), "--models", ",".join(MODELS), "--baseline", MODELS[0], "--max-new-tokens", "16"]
    given = {name: value for name, value in environment(data).items() if value is not None}
    variables = {name: value for name, value in os.environ.items() if name not in environment(data)} | given

    def start(name: str) -> Any:
        return resume.started([*arguments, "--out", reports], variables, folder / name)

    first = start("first")
    # In the midst of the first checkpoint, and then of the second.
    resume.wait_for(first, data, ANSWERS // 5)
    first.process.send_signal(signal.SIGINT)
    statuses, interrupted = [first.end()], resume.kept(data)
    second = start("second")
    resume.wait_for(second, data, ANSWERS * 3 // 5)
    second.process.kill()
    statuses, killed = [*statuses, second.end()], resume.kept(data)
    third = start("third")
    statuses = [*statuses, third.end()]
    words = first.err.read_text(encoding="utf-8")
    return Story(tuple(statuses), interrupted, killed, resume.kept(data), *third.counts(), words, reports, arguments)


def test_an_interrupted_run_ends_with_a_sentence_and_a_status_of_its_own(story: Story) -> None:
    assert story.statuses[0] == INTERRUPTED
    assert story.words.splitlines()[-2:] == [
        "What was answered is kept; the same command goes on from there.",
        "Stopped.",
    ]
    assert "Traceback" not in story.words
    assert 0 < len(story.interrupted) < ANSWERS


def test_a_killed_run_is_taken_up_where_it_was(story: Story) -> None:
    assert story.statuses[1:] == (-signal.SIGKILL, 0)
    assert len(story.interrupted) < len(story.killed) < ANSWERS
    assert story.reused >= len(story.killed)
    assert story.computed > 0
    assert story.computed + story.reused == ANSWERS


def test_nothing_was_computed_twice(story: Story) -> None:
    assert len(story.ended) == len(set(story.ended)) == ANSWERS
    assert set(story.interrupted) <= set(story.killed) <= set(story.ended)


def test_it_reports_what_a_run_reports_that_nobody_stopped(
    story: Story, resume: ModuleType, tmp_path: Path, data: Path
) -> None:
    whole = ran("evaluate", *story.arguments, "--out", tmp_path)
    assert whole.status == 0
    assert f"{ANSWERS} answers computed, 0 from the store" in whole.err
    assert sorted(resume.kept(data)) == sorted(story.ended)
    assert resume.differing(story.reports, tmp_path) == []


def test_what_differs_would_be_found(story: Story, resume: ModuleType, tmp_path: Path) -> None:
    for path in story.reports.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert resume.differing(story.reports, tmp_path) == []
    for name in ("items.csv", "summary.csv", "items.parquet", "report.html"):
        with (tmp_path / name).open("ab") as file:
            file.write(b" ")
    record = tmp_path / "report.json"
    record.write_text(record.read_text(encoding="utf-8").replace('"scorer": "', '"scorer": "x'), encoding="utf-8")
    assert set(resume.differing(story.reports, tmp_path)) == {path.name for path in story.reports.iterdir()}
