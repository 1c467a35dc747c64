"""Which files of the project a Space is given, and their names and digests in a manifest; asks no network.

The manifest, `assets/manifest.json`, is made for every deploy and stands in no checkout. It holds nothing but the
version and the digests of the files, so that the same files always give the same manifest. A Space tells its digest by
its health route, which proves what is running there, and an update knows by it what the owner has changed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from microscope.errors import UserError

MANIFEST = "assets/manifest.json"
# Files at the top, and folders with all that is in them, that the app needs to run or that its licence asks for.
TOP = ("app.py", "README.md", "LICENSE", "requirements.txt", "packages.txt", "models.yaml")
FOLDERS = ("src", "assets")
NEEDED = ("app.py", "README.md", "requirements.txt", "models.yaml", "src/microscope/ui/app.py")
# Folders of FOLDERS that only training needs, and what tools leave behind.
LEFT_OUT = ("assets/digits/",)
LEAVINGS = frozenset({"__pycache__", ".DS_Store", ".ipynb_checkpoints", ".gradio"})
LEFT_SUFFIXES = (".pyc", ".pyo", ".pyi", ".orig", ".rej", ".swp", "~")
CHUNK = 1 << 20


@dataclass(frozen=True)
class PayloadFile:
    """One file to upload: its path in the repository, its bytes, and the SHA-256 of its contents in hexadecimal."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Payload:
    """Everything that a Space is given, by path in order; `version` is the project's own."""

    root: Path
    version: str
    files: tuple[PayloadFile, ...]

    @cached_property
    def manifest(self) -> bytes:
        """Return the manifest as the file that is uploaded with the others."""
        content = {"version": self.version, "digest": self.digest, "files": {f.path: f.sha256 for f in self.files}}
        return (json.dumps(content, indent=1) + "\n").encode()

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of the names and digests of all files: the same files have the same digest."""
        return digest_of({file.path: file.sha256 for file in self.files})

    @property
    def size(self) -> int:
        """Return the bytes of all files together."""
        return sum(file.size for file in self.files)

    def read(self, path: str) -> bytes:
        """Return the contents of a file of the payload, the manifest among them."""
        return self.manifest if path == MANIFEST else (self.root / path).read_bytes()


@dataclass(frozen=True)
class Manifest:
    """A manifest as read back: the version, the digest of the whole, and each file's SHA-256 by path."""

    version: str
    digest: str
    files: Mapping[str, str]


def read_payload(root: Path, version: str) -> Payload:
    """Return what a Space is given of the project at `root`; a UserError names what is missing, or no name."""
    missing = [path for path in NEEDED if not (root / path).is_file()]
    if missing:
        raise UserError(f"{root} has no {missing[0]}: run the command at the top of a copy of VLM Microscope.")
    paths = sorted(paths_of(root))
    # Bytes that are no text, as Python writes them in names.
    unnamed = next((path for path in paths if re.search(r"[\ud800-\udfff]", path)), None)
    if unnamed is not None:
        raise UserError(f"{unnamed!r} is a name that no Space can hold: rename it.")
    return Payload(root, version, tuple(_describe(root, path) for path in paths))


def paths_of(root: Path) -> Iterator[str]:
    """Yield the paths of what a Space is given of the project at `root`, as far as it is there; reads no contents."""
    yield from (name for name in TOP if (root / name).is_file())
    for folder in FOLDERS:
        for path in (root / folder).rglob("*"):
            name = path.relative_to(root).as_posix()
            if path.is_file() and not _left_out(name):
                yield name


def read_manifest(content: bytes) -> Manifest:
    """Read a manifest; raises ValueError where it is none."""
    told = json.loads(content)
    files = told.get("files") if isinstance(told, dict) else None
    if isinstance(files, dict):
        return Manifest(str(told.get("version", "")), str(told.get("digest", "")), files)
    raise ValueError("not a manifest")


def digest_of(files: Mapping[str, str]) -> str:
    """Return the SHA-256 of names and digests of files, in hexadecimal."""
    lines = "".join(f"{path}\0{files[path]}\n" for path in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()


def _left_out(name: str) -> bool:
    parts = name.split("/")
    return (
        name == MANIFEST
        or name.startswith(LEFT_OUT)
        or name.endswith(LEFT_SUFFIXES)
        or any(part in LEAVINGS or part.endswith(".egg-info") for part in parts)
    )


def _describe(root: Path, path: str) -> PayloadFile:
    digest = hashlib.sha256()
    with (root / path).open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
        return PayloadFile(path, file.tell(), digest.hexdigest())
