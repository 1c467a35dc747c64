"""The files of an upload, as a check."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from microscope.space.findings import Status
from microscope.space.preflight.base import Project
from microscope.space.preflight.files import CHECK
from tests.space.preflight.projects import OURS, copy_of_ours, only, problem, write


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_of_ours(tmp_path)


def test_ours_are_fine(project: Project) -> None:
    assert only(CHECK.run(OURS)).status is Status.OK
    write(project, "assets/a.bin", b"\0")
    assert only(CHECK.run(project)).detail.startswith("7 files, 1 of them binary")


@pytest.mark.parametrize(
    ("name", "status", "detail"),
    [
        ("assets/what?.png", Status.WARNING, "no Windows"),
        ("assets/a:b.png", Status.WARNING, "no Windows"),
        ("assets/ space.png", Status.WARNING, "no Windows"),
        ("assets/AUX.json", Status.WARNING, "no Windows"),
        ("assets/back\\slash.png", Status.FAILED, "does not carry"),
        ("assets/line\nend.png", Status.FAILED, "does not carry"),
        ("assets/.git/config", Status.FAILED, "the Hub refuses"),
        ("src/.GIT/config", Status.FAILED, "the Hub refuses"),
    ],
)
def test_a_name_that_does_not_go_is_told(project: Project, name: str, status: Status, detail: str) -> None:
    write(project, name, "a")
    found = problem(CHECK, project)
    assert found.status is status
    assert repr(name) in found.detail
    assert detail in found.detail


def test_a_name_that_is_no_text_is_told(project: Project) -> None:
    name = os.fsdecode(b"assets/caf\xe9.png")
    write(project, name, "a")
    found = problem(CHECK, project)
    assert found.status is Status.FAILED
    assert "does not carry" in found.detail
    assert found.detail.isprintable()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("assets/Photo.png", "assets/photo.png"),
        ("assets/caf\u00e9.png", "assets/cafe\u0301.png"),
        ("src/A/a", "src/a/a"),
    ],
)
def test_two_names_that_are_one_elsewhere_are_told(project: Project, first: str, second: str) -> None:
    write(project, first, "a")
    write(project, second, "b")
    found = problem(CHECK, project)
    assert found.status is Status.WARNING
    assert "are one name on macOS and Windows" in found.detail


def test_links_are_told_by_where_they_lead(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "private.txt").write_text("mine")
    link = project.root / "assets" / "link"
    for target, status, detail in (
        (outside / "private.txt", Status.FAILED, "outside of the project"),
        (outside, Status.FAILED, "a link to a folder"),
        (outside / "nothing", Status.FAILED, "a link to nothing"),
        (project.root / "app.py", Status.WARNING, "a Space gets a copy"),
    ):
        link.symlink_to(target)
        found = problem(CHECK, Project(project.root))
        assert found.status is status
        assert detail in found.detail
        link.unlink()


def test_a_file_that_is_too_large_is_told(project: Project) -> None:
    path = project.root / "assets" / "model.safetensors"
    for size, status, detail in (
        (60 * 10**9, Status.FAILED, "has 60 GB, and the Hub takes at most 50"),
        (50 * 10**6, Status.WARNING, "has 50 MB"),
    ):
        with path.open("wb") as file:
            file.truncate(size)
        found = problem(CHECK, Project(project.root))
        assert found.status is status
        assert detail in found.detail
        assert "model repository" in found.advice
