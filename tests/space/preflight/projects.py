"""Copies of this very project to break, and what a check finds in them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from microscope.settings import REPOSITORY
from microscope.space.findings import Finding, Status
from microscope.space.preflight.base import Check, Project

TOP = ("README.md", "requirements.txt", "packages.txt", "models.yaml", "app.py", "LICENSE")
OURS = Project(REPOSITORY)


def copy_of_ours(root: Path, *folders: str) -> Project:
    """Copy the files at the top of this project, and the folders that are named, and return the copy."""
    root.mkdir(parents=True, exist_ok=True)
    for name in TOP:
        shutil.copyfile(REPOSITORY / name, root / name)
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in folders:
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=ignored, dirs_exist_ok=True)
    for folder in ("src/microscope", "assets"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    return Project(root)


def change(project: Project, path: str, old: str, new: str) -> None:
    """Replace a text in a file that has it."""
    file = project.root / path
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def write(project: Project, path: str, content: str | bytes) -> None:
    """Write a file."""
    file = project.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


def only(found: Sequence[Finding]) -> Finding:
    """Return the one finding there is."""
    assert len(found) == 1, found
    return found[0]


def problem(check: Check, project: Project) -> Finding:
    """Return the one finding of a check that fails or warns; it says what to do."""
    found = only(check.run(project))
    assert found.status in (Status.FAILED, Status.WARNING), found
    assert found.subject == check.name
    assert found.advice or ":" in found.detail
    return found
