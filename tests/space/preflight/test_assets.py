"""What comes with the app, as a check."""

from __future__ import annotations

from pathlib import Path

import pytest

from microscope.space.findings import Status
from microscope.space.preflight.assets import CHECK, POINTER
from microscope.space.preflight.base import Project
from tests.space.preflight.projects import OURS, copy_of_ours, only, problem, write

WEIGHTS = "assets/checkpoints/scenes-step-100/model.safetensors"
POINTS = POINTER + b"\noid sha256:" + b"a" * 64 + b"\nsize 2743056\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_of_ours(tmp_path, "assets/examples", "assets/evalset", "assets/checkpoints/scenes-step-100")


def test_ours_are_whole(project: Project) -> None:
    assert only(CHECK.run(OURS)).status is Status.OK
    assert "1 checkpoints and 158 pictures" in only(CHECK.run(project)).detail


@pytest.mark.parametrize("path", [WEIGHTS, "assets/examples/colour.png", "src/microscope/data.bin"])
def test_a_pointer_in_place_of_a_file_is_named(project: Project, path: str) -> None:
    write(project, path, POINTS)
    found = problem(CHECK, project)
    assert found.status is Status.FAILED
    assert path in found.detail
    assert "git lfs pull" in found.advice


def test_weights_that_are_cut_off_are_told(project: Project) -> None:
    content = (project.root / WEIGHTS).read_bytes()
    write(project, WEIGHTS, content[:-1])
    assert "has 2,743,055 bytes, and its header speaks of 2,743,056" in problem(CHECK, project).detail
    for broken in (content[:5], b"\xff" * 100, content[:8] + b"[" + content[9:], b"\x02" + bytes(7) + b"[]"):
        write(project, WEIGHTS, broken)
        assert "no file of weights" in problem(CHECK, project).detail


@pytest.mark.parametrize(
    ("path", "content", "detail"),
    [
        ("assets/examples/colour.png", b"", "is empty"),
        ("assets/examples/colour.png", b"\x89PNG\r\n\x1a\n0000", "is no picture"),
        ("assets/examples/answers.json", b"[1,", "is no JSON"),
        ("assets/evalset/items.jsonl", b'{"image": "scene-000.png"}\n{', "is no JSON"),
    ],
)
def test_what_is_broken_is_told_with_how_to_bring_it_back(
    project: Project, path: str, content: bytes, detail: str
) -> None:
    write(project, path, content)
    found = problem(CHECK, project)
    assert (found.status, found.advice) == (Status.FAILED, f"Bring it back: git checkout -- {path}")
    assert f"{path} {detail}" in found.detail


@pytest.mark.parametrize(
    ("gone", "detail"),
    [
        ("assets/examples/colour.png", "assets/examples/examples.json names colour.png, which is not there"),
        ("assets/evalset/scene-007.png", "assets/evalset/items.jsonl names scene-007.png"),
        ("assets/examples/examples.json", "There is no assets/examples/examples.json"),
        ("assets/evalset/items.jsonl", "There is no assets/evalset/items.jsonl"),
    ],
)
def test_what_is_missing_is_told(project: Project, gone: str, detail: str) -> None:
    (project.root / gone).unlink()
    assert detail in problem(CHECK, project).detail
