"""Scratch clones of the project with an environment of their own; knows no workflow and no service."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

ENVIRONMENT = ".venv"
SOMEBODY = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
# Files of an environment that name the folder it was made in, besides its scripts.
NAMING = (
    "pyvenv.cfg",
    "constraints.txt",
    "lib/python*/site-packages/*.pth",
    "lib/python*/site-packages/*/direct_url.json",
)


def git(folder: Path, *arguments: str) -> str:
    """Run a command of Git, and return what it prints; a failure ends everything with what it says."""
    command = ["git", "-C", str(folder), *SOMEBODY, *arguments]
    found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (Git, arguments of ours)
    if found.returncode:
        raise SystemExit(f"{' '.join(command)}: {found.stderr.strip()}")
    return found.stdout.strip()


def make_bare(root: Path, bare: Path) -> str:
    """Make a bare repository whose main is the commit that is checked out at `root`, and return that commit."""
    git(root, "clone", "--quiet", "--bare", "--no-local", str(root), str(bare))
    head = git(root, "rev-parse", "HEAD")
    git(bare, "update-ref", "refs/heads/main", head)
    git(bare, "symbolic-ref", "HEAD", "refs/heads/main")
    git(bare, "config", "http.receivepack", "true")
    return head


def make_clone(bare: Path, clone: Path, remote: str) -> str:
    """Clone main as an action does, shallow and without a token, make `remote` its origin, and return the commit."""
    address = bare.as_uri()
    git(bare, "clone", "--quiet", "--depth=1", "--branch=main", address, str(clone))
    git(clone, "remote", "set-url", "origin", remote)
    return git(clone, "rev-parse", "HEAD")


def rewrite(clone: Path, bare: Path, path: str, change: Callable[[str], str]) -> None:
    """Commit a change of one file in a clone, and bring it to main of the bare repository."""
    file = clone / path
    before = file.read_text(encoding="utf-8")
    file.write_text(change(before), encoding="utf-8")
    if file.read_text(encoding="utf-8") == before:
        raise SystemExit(f"{path} has nothing to change for what is to be run here")
    git(clone, "commit", "--quiet", "--all", "--message", f"Change {path}")
    git(clone, "push", "--quiet", bare.as_uri(), "HEAD:refs/heads/main")


def lend(made: Path, clone: Path) -> None:
    """Give a clone an environment like the one in the folder `made`, in seconds and in no space: files are shared.

    pip writes files anew and never into them, so that what is installed into one is not in the other. Files that name
    the folder that the environment was made in, and the one that make writes into, are copied, and name the clone.
    """
    source, environment = (made / ENVIRONMENT).resolve(), clone / ENVIRONMENT
    shutil.copytree(source, environment, symlinks=True, copy_function=_share)
    before, after = os.fsencode(source.parent), os.fsencode(clone)
    named = [path for pattern in NAMING for path in environment.glob(pattern)]
    for path in (*(environment / "bin").iterdir(), *named):
        if path.is_symlink() or not path.is_file():
            continue
        content, mode = path.read_bytes(), stat.S_IMODE(path.stat().st_mode)
        if before in content or path in named:
            path.unlink()
            path.write_bytes(content.replace(before, after))
            path.chmod(mode)


def _share(source: str, target: str) -> str:
    """Link a file, or copy it where the folders are on different disks."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        return str(shutil.copy2(source, target, follow_symlinks=False))
    return target
