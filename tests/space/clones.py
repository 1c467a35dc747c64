"""What tests of branches share: a project in a bare repository, and a clone of it, as a job has them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

ALONE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
SOMEBODY = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")


def git(folder: Path, *arguments: str) -> str:
    """Run a command of Git as somebody, and return what it prints."""
    command = ["git", "-C", str(folder), *SOMEBODY, *arguments]
    environ = {**os.environ, **ALONE}
    return subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout.strip()


def make_clone(folder: Path, files: Mapping[str, str]) -> tuple[Path, Path]:
    """Return a bare repository with one commit of these files on main, and a clone of it."""
    bare, clone = folder / "project.git", folder / "clone"
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    git(bare, "config", "http.receivepack", "true")
    git(folder, "clone", "--quiet", str(bare), str(clone))
    git(clone, "checkout", "--quiet", "-B", "main")
    commit_all(clone, files, "first")
    return bare, clone


def commit_all(clone: Path, files: Mapping[str, str], message: str, branch: str = "main") -> str:
    """Commit files as somebody, push them to a branch, and return the commit."""
    for path, content in files.items():
        (clone / path).write_text(content, encoding="utf-8")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", message)
    git(clone, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
    return git(clone, "rev-parse", "HEAD")
