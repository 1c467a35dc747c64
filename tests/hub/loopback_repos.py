"""The repositories that the loopback Hub serves: folders of files, with what the Hub derives from them."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import yaml

POINTER_BYTES = 134


@dataclass(frozen=True)
class Revision:
    """One state of a repository: the folder that holds its files, and its commit, which changes with them."""

    repo: str
    folder: Path
    commit: str

    def files(self) -> dict[str, Path]:
        """Return the files by their path in the repository, in order."""
        paths = (path for path in sorted(self.folder.rglob("*")) if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path for path in paths}


def find_revisions(folder: Path, repo: str) -> dict[str, Revision]:
    """Return the branches and tags of a repository by name; empty where there is no such repository."""
    org, _, name = repo.partition("/")
    found = {}
    for candidate in sorted((folder / org).glob("*")) if name else ():
        stem, _, revision = candidate.name.partition("@")
        if stem == name and candidate.is_dir():
            found[unquote(revision) or "main"] = Revision(repo, candidate, _commit(repo, candidate))
    return found


def describe_blob(path: Path) -> dict[str, object]:
    """Return the size and ids of a file as the information of a repository tells them."""
    content = path.read_bytes()
    blob: dict[str, object] = {"size": len(content), "blobId": _git_id(content)}
    if _is_large(path):
        blob["lfs"] = {"sha256": _sha256(content), "size": len(content), "pointerSize": POINTER_BYTES}
    return blob


def describe_entry(name: str, path: Path) -> dict[str, object]:
    """Return a file as the tree of a repository tells it."""
    content = path.read_bytes()
    entry: dict[str, object] = {"type": "file", "path": name, "size": len(content), "oid": _git_id(content)}
    if _is_large(path):
        entry["lfs"] = {"oid": _sha256(content), "size": len(content), "pointerSize": POINTER_BYTES}
    return entry


def tag_of(path: Path) -> str:
    """Return a file's entity tag."""
    content = path.read_bytes()
    return _sha256(content) if _is_large(path) else _git_id(content)


def read_card(readme: Path | None) -> dict[str, object]:
    """Return the front matter of a model card."""
    parts = readme.read_text(encoding="utf-8").split("---") if readme else []
    return yaml.safe_load(parts[1]) if len(parts) > 2 else {}


def count_parameters(files: dict[str, Path]) -> dict[str, int]:
    """Return the number of parameters by type, from the headers of the safetensors files at the top."""
    counts: dict[str, int] = {}
    for name, path in files.items():
        content = path.read_bytes() if name.endswith(".safetensors") and "/" not in name else b""
        header = content[8 : 8 + int.from_bytes(content[:8], "little")]
        tensors = json.loads(header) if header.startswith(b"{") else {}
        for entry in (tensors[tensor] for tensor in tensors if tensor != "__metadata__"):
            counts[entry["dtype"]] = counts.get(entry["dtype"], 0) + math.prod(entry["shape"])
    return counts


def _is_large(path: Path) -> bool:
    return path.suffix == ".safetensors"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _commit(repo: str, folder: Path) -> str:
    state = hashlib.sha1(f"{repo}@{folder.name}".encode(), usedforsecurity=False)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            state.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return state.hexdigest()
