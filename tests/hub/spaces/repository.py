"""A Space of the loopback Hub: its history of commits, its settings, and the stages its runtime goes through."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Literal

FIRST_COMMIT = datetime(2026, 1, 1, tzinfo=timezone.utc)
LARGE_BYTES = 10 * 2**20
LARGE_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".onnx", ".gguf", ".npz", ".zip")
GIT_ATTRIBUTES = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LARGE_SUFFIXES).encode()


@dataclass(frozen=True)
class Stored:
    """A file of a commit: its bytes, and whether Git holds a pointer to them instead."""

    content: bytes
    large: bool = False

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the contents."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def pointer(self) -> bytes:
        """Return the file that Git holds for a large one."""
        size = len(self.content)
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {size}\n".encode()

    @property
    def blob(self) -> str:
        """Return the object id that Git gives what it holds."""
        held = self.pointer if self.large else self.content
        return hashlib.sha1(b"blob %d\0" % len(held) + held, usedforsecurity=False).hexdigest()

    @property
    def digest(self) -> str:
        """Return what the Hub compares an upload with: the SHA-256 of a large file, else Git's object id."""
        return self.sha256 if self.large else self.blob

    def describe(self, path: str) -> dict[str, object]:
        """Return the file as a tree of the Hub tells it."""
        entry: dict[str, object] = {"type": "file", "path": path, "size": len(self.content), "oid": self.blob}
        if self.large:
            entry["lfs"] = {"oid": self.sha256, "size": len(self.content), "pointerSize": len(self.pointer)}
        return entry


@dataclass(frozen=True)
class Commit:
    """One commit: its id, which the same tree never has twice, its parent's (empty: none), and its files."""

    sha: str
    parent: str
    title: str
    message: str
    when: datetime
    tree: Mapping[str, Stored]
    author: str = "owner"

    @property
    def told(self) -> str:
        """Return when it was made as the Hub tells it."""
        return self.when.strftime("%Y-%m-%dT%H:%M:%S.000Z")


@dataclass(frozen=True)
class Told:
    """What the runtime tells: a stage for a number of polls, of the new commit, of the one before it, or of none."""

    stage: str
    sha: Literal["new", "old", "none"] = "new"
    polls: int = 1
    error: str = ""


WORKS = (Told("BUILDING"), Told("APP_STARTING"), Told("RUNNING"))


@dataclass
class Space:
    """The state of one Space; `scripts` are for the next commits or restarts, one each, `script` for all after."""

    name: str
    private: bool = False
    hardware: str | None = None
    requested: str | None = "cpu-basic"
    sleep: int | None = None
    host: str = ""
    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    volumes: list[dict] | None = None
    commits: list[Commit] = field(default_factory=list)
    logs: dict[str, list[str]] = field(default_factory=lambda: {"build": [], "run": []})
    script: tuple[Told, ...] = WORKS
    scripts: list[tuple[Told, ...]] = field(default_factory=list)
    telling: list[Told] = field(default_factory=list)
    running: str = ""
    target: str = ""

    @property
    def head(self) -> Commit:
        """Return the newest commit of main."""
        return self.commits[-1]

    @property
    def subdomain(self) -> str:
        """Return the first part of the address of the app."""
        return self.name.replace("/", "-").replace(".", "-").lower()

    def find(self, revision: str) -> Commit | None:
        """Return the commit that a revision names, or None."""
        if revision in ("main", "refs/heads/main"):
            return self.head
        return next((commit for commit in self.commits if commit.sha == revision), None)

    def add(self, tree: Mapping[str, Stored], title: str, message: str = "", author: str = "owner") -> Commit:
        """Put a commit on top, and start over."""
        parent = self.commits[-1].sha if self.commits else ""
        number = len(self.commits)
        state = hashlib.sha1(f"{self.name}\n{parent}\n{number}\n{title}\n".encode(), usedforsecurity=False)
        for path in sorted(tree):
            state.update(f"{path}\0{tree[path].blob}\n".encode())
        when = FIRST_COMMIT + timedelta(minutes=number)
        commit = Commit(state.hexdigest(), parent, title, message, when, dict(tree), author)
        self.commits.append(commit)
        self.start()
        return commit

    def start(self) -> None:
        """Begin to tell the next script, of the newest commit."""
        self.target = self.head.sha
        script = self.scripts.pop(0) if self.scripts else self.script
        self.telling = [Told(told.stage, told.sha, 1, told.error) for told in script for _ in range(told.polls)]

    def poll(self) -> Told:
        """Return what the runtime tells now, and go on; the last thing stays."""
        return self.telling.pop(0) if len(self.telling) > 1 else self.telling[0]

    def tell(self, told: Told) -> dict[str, object]:
        """Return the runtime as the Hub tells it."""
        current = self.hardware if told.sha == "new" and told.stage in ("BUILDING", "APP_STARTING") else self.requested
        runtime: dict[str, object] = {
            "stage": told.stage,
            "hardware": {"current": current, "requested": self.requested},
            "storage": None,
            "gcTimeout": self.sleep,
            "replicas": {"current": int(told.stage.startswith("RUNNING")), "requested": 1},
            "devMode": False,
            "domains": [{"domain": f"{self.subdomain}.hf.space", "stage": "READY"}],
        }
        if told.sha != "none":
            runtime["sha"] = self.target if told.sha == "new" else self.running or self.target
        if told.error:
            runtime["errorMessage"] = told.error
        if self.volumes is not None:
            runtime["volumes"] = self.volumes
        return runtime


def is_large(path: str, size: int) -> bool:
    """Tell whether a file goes to the storage of large files; an empty one never does."""
    return size > 0 and (size > LARGE_BYTES or path.endswith(LARGE_SUFFIXES))


def stored(files: Mapping[str, bytes]) -> dict[str, Stored]:
    """Return files as a commit holds them."""
    return {path: Stored(content, is_large(path, len(content))) for path, content in files.items()}


def script_of(stages: Iterable[str | Told]) -> tuple[Told, ...]:
    """Return stages given by their names, or with more, as a script."""
    return tuple(stage if isinstance(stage, Told) else Told(stage) for stage in stages)
