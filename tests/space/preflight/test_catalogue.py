"""models.yaml for the hardware that is asked for, as a check of this disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.settings import REPOSITORY
from microscope.space.findings import Status
from microscope.space.preflight.base import Project
from microscope.space.preflight.catalogue import CHECK
from tests.space.preflight.projects import OURS, change, copy_of_ours, only, problem, write

STEP = "assets/checkpoints/scenes-step-100"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Give a copy with one checkpoint of the embedded run."""
    return copy_of_ours(tmp_path, STEP)


def test_ours_is_fine(project: Project) -> None:
    found = only(CHECK.run(OURS))
    assert found.status is Status.OK
    assert found.detail.startswith("zero-a10g offers the preset zero-a10g: smolvlm-256m, ")
    assert only(CHECK.run(project)) == found


@pytest.mark.parametrize("tier", ["cpu-basic", "t4-small", "a10g-large", "a100-large"])
def test_every_tier_has_something(project: Project, tier: str) -> None:
    change(project, "README.md", "suggested_hardware: zero-a10g", f"suggested_hardware: {tier}")
    assert only(CHECK.run(project)).status is Status.OK


@pytest.mark.parametrize(
    ("old", "new", "status", "detail"),
    [
        ("min_vram: 1GB", "min_vram: 80GB", Status.WARNING, "smolvlm-256m needs 80 GB, and zero-a10g has 48"),
        ("parameters: 256M", "parameters: 256M\n    gated: true", Status.WARNING, "smolvlm-256m is gated"),
        ("parameters: 256M", "parameters: many", Status.FAILED, "'many'"),
        ("zero-a10g: [smolvlm-256m,", "zero-a10g: [smolvlm-265m,", Status.FAILED, "smolvlm-265m"),
        ("run: assets/checkpoints", "run: ../elsewhere", Status.FAILED, "which is not uploaded"),
    ],
)
def test_what_is_wrong_with_an_entry_is_told(
    project: Project, old: str, new: str, status: Status, detail: str
) -> None:
    change(project, "models.yaml", old, new)
    found = problem(CHECK, project)
    assert found.status is status
    assert detail in found.detail


def test_an_entry_that_this_hardware_does_not_offer_is_warned_of(project: Project) -> None:
    change(project, "models.yaml", "parameters: 8.3B", "parameters: many")
    assert problem(CHECK, project).status is Status.WARNING


def test_a_checkpoint_without_weights_is_told(project: Project) -> None:
    (project.root / STEP / "model.safetensors").unlink()
    assert "has no weights" in problem(CHECK, project).detail
    shutil.rmtree(project.root / "assets/checkpoints")
    assert "assets/checkpoints" in problem(CHECK, project).detail


def test_a_single_folder_is_looked_at_too(project: Project) -> None:
    change(project, "models.yaml", "run: assets/checkpoints", "folder: assets/checkpoints/scenes-step-9")
    assert "scenes-step-9 cannot be read" in problem(CHECK, project).detail


def test_hardware_without_a_preset_is_told(project: Project) -> None:
    write(project, "models.yaml", "models:\n  a: {hub: org/a}\npresets:\n  a100-large: [a]\n")
    found = problem(CHECK, project)
    assert (found.status, "Add a preset zero-a10g" in found.advice) == (Status.FAILED, True)


def test_without_hardware_only_the_file_is_read(project: Project) -> None:
    change(project, "README.md", "suggested_hardware: zero-a10g\n", "")
    assert only(CHECK.run(project)).status is Status.OK
    change(project, "models.yaml", "parameters: 256M", "parameters: many")
    assert problem(CHECK, project).status is Status.FAILED


def test_no_file_is_a_sentence(project: Project) -> None:
    (project.root / "models.yaml").unlink()
    with pytest.raises(UserError, match="models"):
        CHECK.run(project)
    assert (REPOSITORY / "models.yaml").is_file()
