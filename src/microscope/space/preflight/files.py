"""Checks the files of an upload: their names, links, sizes and kinds, by what Git and the Hub take; sends nothing."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from microscope.hardware import GB
from microscope.space.findings import Finding
from microscope.space.payload import FOLDERS, TOP
from microscope.space.preflight.base import Check, Project, failed, fine, listed, warned

NAME = "Files"
# The most that the Hub takes for one file, and what a plain push by Git takes.
MOST_BYTES, MOST_GIT_BYTES = 50 * GB, 10 * 10**6
LONGEST_NAME = 255
BINARY_SAMPLE = 8192
RENAME = "Rename it: letters, digits, dots and dashes, at most 255 bytes."
_REFUSED = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")
_ODD = re.compile(r'[:*?"<>|]')
# What Windows takes for devices, whatever the ending.
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def run(project: Project) -> Sequence[Finding]:
    """Return what is wrong with the files, or how many there are of which kind."""
    names = chain(_links(project.root), _names(project.paths), _alike(project.paths))
    found = [*names, *_sizes(project)]
    if found:
        return found
    binary = sum(_is_binary(project.root / path) for path in project.paths)
    return [
        fine(NAME, f"{len(project.paths)} files, {binary} of them binary: a deploy takes those, git push does not.")
    ]


def _links(root: Path) -> Iterator[Finding]:
    """Yield symbolic links: the upload follows those to files, and never those to folders."""
    candidates = [root / name for name in TOP]
    for folder in FOLDERS:
        candidates.extend([root / folder, *(root / folder).rglob("*")])
    for path in sorted(path for path in candidates if path.is_symlink()):
        name = path.relative_to(root).as_posix()
        target = path.resolve()
        if not target.exists():
            yield failed(NAME, f"{name} is a link to nothing.", "Remove it, or put a file in its place.")
        elif target.is_dir():
            yield failed(NAME, f"{name} is a link to a folder, which is not uploaded.", "Put the folder in its place.")
        elif not target.is_relative_to(root.resolve()):
            reason = f"{name} is a link to a file outside of the project, which would be uploaded."
            yield failed(NAME, reason, "Put a copy in its place, or remove it.")
        else:
            yield warned(NAME, f"{name} is a link, and a Space gets a copy.", "Put a file in its place.")


def _names(paths: Sequence[str]) -> Iterator[Finding]:
    for path in paths:
        parts = path.split("/")
        if any(part.lower() == ".git" for part in parts) or path.startswith(".cache/huggingface"):
            yield failed(NAME, f"{path!r} is inside a folder that the Hub refuses.", "Move it, or remove it.")
        elif _REFUSED.search(path) or any(len(part.encode()) > LONGEST_NAME for part in parts):
            yield failed(NAME, f"{path!r} is a name that Git does not carry everywhere.", RENAME)
        elif any(_ODD.search(part) or part != part.strip(" ") or _DEVICE.fullmatch(part) for part in parts):
            yield warned(NAME, f"{path!r} is a name that no Windows can check out.", RENAME)


def _alike(paths: Sequence[str]) -> Iterator[Finding]:
    """Yield names that are one name where case, or the way an accent is written, does not count."""
    groups = defaultdict(list)
    for path in paths:
        groups[unicodedata.normalize("NFC", path).casefold()].append(path)
    for group in groups.values():
        if len(group) > 1:
            reason = f"{listed(group)} are one name on macOS and Windows."
            yield warned(NAME, reason, "Rename them so that more than case differs.")


def _sizes(project: Project) -> Iterator[Finding]:
    for path in project.paths:
        size = (project.root / path).stat().st_size
        if size > MOST_BYTES:
            reason = f"{path} has {size / GB:.0f} GB, and the Hub takes at most {MOST_BYTES / GB:.0f}."
            yield failed(NAME, reason, "Keep it in a model repository and name that in models.yaml.")
        elif size > MOST_GIT_BYTES and path.endswith((".safetensors", ".bin", ".pt", ".gguf")):
            reason = f"{path} has {size / 10**6:.0f} MB, which every build of the Space copies."
            yield warned(NAME, reason, "Keep it in a model repository and name that in models.yaml.")


def _is_binary(path: Path) -> bool:
    with path.open("rb") as file:
        return b"\0" in file.read(BINARY_SAMPLE)


CHECK = Check(NAME, run)
