"""The upload as a whole, as a check."""

from __future__ import annotations

from pathlib import Path

import pytest

from microscope.space.findings import Status
from microscope.space.preflight import upload
from microscope.space.preflight.base import Project
from microscope.space.preflight.upload import CHECK
from tests.space.preflight.projects import OURS, copy_of_ours, only, problem, write
from tests.space.shipping import write_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(write_project(tmp_path))


def test_ours_is_told_with_count_and_size() -> None:
    found = only(CHECK.run(OURS))
    assert found.status is Status.OK
    assert f"{len(OURS.paths)} files, " in found.detail


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    found = problem(CHECK, copy_of_ours(tmp_path))
    assert found.status is Status.FAILED
    assert "has no src/microscope/ui/app.py" in found.detail


def test_more_bytes_than_a_space_may_have_are_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "MANY_BYTES", 10**6)
    write(project, "assets/large.bin", bytes(2 * 10**6))
    assert problem(CHECK, project).status is Status.WARNING
    monkeypatch.setattr(upload, "MOST_BYTES", 10**6)
    found = problem(CHECK, project)
    assert found.status is Status.FAILED
    assert "2 MB are more than" in found.detail


def test_more_files_than_the_hub_takes_are_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        write(project, f"assets/many/{number}", "a")
    monkeypatch.setattr(upload, "MOST_IN_FOLDER", 4)
    assert "assets/many has 5 files" in problem(CHECK, project).detail
    monkeypatch.setattr(upload, "MOST_FILES", 8)
    assert "more than a Space may have" in problem(CHECK, project).detail
