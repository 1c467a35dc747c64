"""The head of README.md, as a check."""

from __future__ import annotations

from pathlib import Path

import pytest

from microscope.space.findings import Status
from microscope.space.preflight.front_matter import CHECK
from tests.space.preflight.projects import OURS, change, copy_of_ours, only, problem


def test_ours_is_fine_and_told() -> None:
    found = only(CHECK.run(OURS))
    assert found.status is Status.OK
    assert found.detail == "zero-a10g with 48 GB of memory, Gradio 6.31.0, Python 3.12."


@pytest.mark.parametrize(
    ("old", "new", "status", "detail", "advice"),
    [
        ("colorFrom: indigo", "colorFrom: indgio", Status.FAILED, "README.md, line 4", "'indigo'"),
        ("emoji: 🔬", "emoji: lens", Status.FAILED, "README.md, line 3", "emoji"),
        ("suggested_hardware: zero-a10g\n", "", Status.WARNING, "suggests no hardware", "Write suggested_hardware"),
        ("pinned: false", "pined: false", Status.FAILED, "line 24: ", "Did you mean 'pinned'?"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, status: Status, detail: str, advice: str
) -> None:
    project = copy_of_ours(tmp_path)
    change(project, "README.md", f"\n{old}", f"\n{new}")
    found = problem(CHECK, project)
    assert found.status is status
    assert detail in found.detail
    assert advice in found.advice + found.detail


def test_without_a_readme_it_fails(tmp_path: Path) -> None:
    project = copy_of_ours(tmp_path)
    (tmp_path / "README.md").unlink()
    assert problem(CHECK, project).status is Status.FAILED
