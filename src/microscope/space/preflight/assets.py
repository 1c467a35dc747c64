"""Checks that what comes with the app is there and whole: weights, pictures, the evaluation set; loads no model."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from microscope.space.findings import Finding
from microscope.space.preflight.base import Check, Project, failed, fine, listed

NAME = "Assets"
POINTER = b"version https://git-lfs.github.com/spec/v1"
EXAMPLES, ANSWERS = "assets/examples/examples.json", "assets/examples/answers.json"
ITEMS = "assets/evalset/items.jsonl"
GIT = "Bring it back: git checkout -- {}"
LFS = "Fetch the files themselves: git lfs install, then git lfs pull (in a workflow, lfs: true of the checkout)."
_LENGTH = struct.Struct("<Q")
LONGEST_HEADER = 100 * 10**6


def run(project: Project) -> Sequence[Finding]:
    """Return what is missing or broken."""
    assets = [path for path in project.paths if path.startswith("assets/")]
    pointers = [path for path in project.paths if _starts(project.root / path, POINTER)]
    found: list[Finding] = []
    if pointers:
        reason = f"Pointers of Git LFS stand in place of the real files: {listed(pointers)}."
        found.append(failed(NAME, reason, LFS))
    whole = [path for path in assets if path not in pointers]
    found.extend(chain.from_iterable(_judge(project.root / path, path) for path in whole))
    found.extend(_named(project.root, ITEMS, "image"))
    found.extend(_named(project.root, EXAMPLES, "file"))
    weights = sum(path.endswith(".safetensors") for path in assets)
    pictures = sum(path.endswith(".png") for path in assets)
    told = f"{len(assets)} files are whole, {weights} checkpoints and {pictures} pictures among them."
    return found or [fine(NAME, told)]


def _starts(path: Path, mark: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(mark)) == mark


def _judge(path: Path, name: str) -> Iterator[Finding]:
    problem = ""
    if not path.stat().st_size:
        problem = "is empty"
    elif name.endswith(".safetensors"):
        problem = _broken_weights(path)
    elif name.endswith((".png", ".jpg", ".jpeg", ".webp")):
        problem = _broken_picture(path)
    elif name.endswith((".json", ".jsonl")):
        problem = _broken_json(path)
    if problem:
        yield failed(NAME, f"{name} {problem}.", GIT.format(name))


def _broken_weights(path: Path) -> str:
    """Return what is wrong with a file of weights, by its own header; empty where it is whole."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(_LENGTH.size)
        length = _LENGTH.unpack(start)[0] if len(start) == _LENGTH.size else LONGEST_HEADER + 1
        if length > min(LONGEST_HEADER, size):
            return "is no file of weights in the safetensors format"
        try:
            header = json.loads(file.read(length))
            ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return "is no file of weights in the safetensors format"
    wanted = _LENGTH.size + length + max(ends, default=0)
    return "" if size == wanted else f"has {size:,} bytes, and its header speaks of {wanted:,}"


def _broken_picture(path: Path) -> str:
    try:
        with Image.open(path) as image:
            image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return "is no picture that can be opened"
    return ""


def _broken_json(path: Path) -> str:
    try:
        _rows(path)
    except ValueError as error:
        return f"is no JSON ({error})"
    return ""


def _rows(path: Path) -> list[Any]:
    """Return the objects of a file, one on each line of a .jsonl; raises ValueError where it is no JSON."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    content = json.loads(text)
    return content if isinstance(content, list) else [content]


def _named(root: Path, index: str, field: str) -> Iterator[Finding]:
    """Yield the files that an index names and that are not beside it."""
    path = root / index
    if not path.is_file():
        yield failed(NAME, f"There is no {index}, and the app does not start without it.", GIT.format(index))
        return
    try:
        rows = _rows(path)
    except ValueError:
        return
    names = sorted({str(row.get(field)) for row in rows if isinstance(row, dict)})
    missing = [name for name in names if not (path.parent / name).is_file()]
    if missing:
        yield failed(NAME, f"{index} names {listed(missing)}, which is not there.", GIT.format(path.parent.name))


CHECK = Check(NAME, run)
