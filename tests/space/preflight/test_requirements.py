"""The lines of requirements.txt, as a check."""

from __future__ import annotations

from pathlib import Path

import pytest

from microscope.space.findings import Status
from microscope.space.preflight.requirements import CHECK
from tests.space.preflight.projects import OURS, change, copy_of_ours, only, problem, write


def test_ours_are_fine() -> None:
    assert only(CHECK.run(OURS)).status is Status.OK


@pytest.mark.parametrize(
    ("line", "status", "detail"),
    [
        ("gradio>=5", Status.FAILED, "requirements.txt, line 1 names gradio"),
        ("-e .", Status.FAILED, "requirements.txt, line 1 names an editable project"),
        ("a @ https://example.org/a.whl", Status.WARNING, "requirements.txt, line 1 takes a from an address"),
        ("torch==2.7.1", Status.WARNING, "asks for torch==2.7.1, which ZeroGPU does not run"),
        ("torch<2.8", Status.WARNING, "asks for torch<2.8"),
    ],
)
def test_a_line_that_may_not_be_is_told(tmp_path: Path, line: str, status: Status, detail: str) -> None:
    project = copy_of_ours(tmp_path)
    write(project, "requirements.txt", f"{line}\n")
    found = problem(CHECK, project)
    assert found.status is status
    assert found.detail.startswith("requirements.txt")
    assert detail in found.detail


@pytest.mark.parametrize("line", ["torch>=2.8", "torch", "torch==2.12.1  # newest", "torchvision==0.1", "torch==two"])
def test_what_zerogpu_runs_is_not_warned_of(tmp_path: Path, line: str) -> None:
    project = copy_of_ours(tmp_path)
    write(project, "requirements.txt", f"{line}\n")
    assert not [one for one in CHECK.run(project) if "ZeroGPU" in one.detail]


def test_other_hardware_runs_any_torch(tmp_path: Path) -> None:
    project = copy_of_ours(tmp_path)
    write(project, "requirements.txt", "torch==2.7.1\n")
    change(project, "README.md", "suggested_hardware: zero-a10g", "suggested_hardware: t4-small")
    assert only(CHECK.run(project)).status is Status.OK


def test_no_file_and_no_text_are_told(tmp_path: Path) -> None:
    project = copy_of_ours(tmp_path)
    write(project, "requirements.txt", b"\xff\xfe")
    assert "UTF-8" in problem(CHECK, project).detail
    (tmp_path / "requirements.txt").unlink()
    assert "There is no requirements.txt" in problem(CHECK, project).detail
