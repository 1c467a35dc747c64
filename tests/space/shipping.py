"""What tests of deploys share: a small project, a clock that nobody waits for, and a Space on the loopback Hub."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from microscope.space.findings import Finding, Status
from microscope.space.hub import Patience, SpaceHub
from microscope.space.payload import MANIFEST, NEEDED, Payload, read_manifest, read_payload
from microscope.space.proving import Steps
from microscope.space.ship import Shipped, ship
from microscope.space.waiting import Watch
from tests.hub.spaces.loopback_spaces import LoopbackSpaces

SPACE = "owner/microscope"
README = (
    "---\ntitle: Microscope\nsdk: gradio\nsdk_version: 6.31.0\napp_file: app.py\nsuggested_hardware: zero-a10g\n---\n"
)
WEIGHTS = "assets/weights.safetensors"


def write_project(root: Path, version: str = "1.0.0") -> Path:
    """Write a project with everything that a Space needs, a large file among it."""
    for name in (*NEEDED, WEIGHTS):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n", encoding="utf-8")
    (root / "README.md").write_text(README, encoding="utf-8")
    (root / WEIGHTS).write_bytes(bytes(range(256)) * 8)
    (root / "src/microscope/__init__.py").write_text(f'__version__ = "{version}"\n', encoding="utf-8")
    return root


@dataclass
class Clock:
    """A clock that a pause moves, so that nobody waits; too many pauses are a wait without end."""

    now: float = 0.0
    pauses: int = 0

    def read(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        assert seconds > 0
        self.pauses += 1
        assert self.pauses < 5000, "this would be waited for without end"
        self.now += seconds


@dataclass
class Visits:
    """A smoke test that finds what a test says, by version or for all, and remembers what it was asked for."""

    wrong: frozenset[str] = frozenset()
    seen: list[tuple[str, str, str]] = field(default_factory=list)

    def smoke(self, address: str, version: str, digest: str) -> Sequence[Finding]:
        self.seen.append((address, version, digest))
        if version in self.wrong:
            return (
                Finding("Health", Status.OK, "it answers"),
                Finding("Answer", Status.FAILED, "it says nothing", "Look at the log."),
            )
        return (Finding("Answer", Status.OK, "it answers"),)


@dataclass
class World:
    """A project and a Space of the loopback Hub, and what a deploy said."""

    spaces: LoopbackSpaces
    root: Path
    clock: Clock = field(default_factory=Clock)
    lines: list[str] = field(default_factory=list)
    visits: Visits = field(default_factory=Visits)
    token: str | None = None

    @property
    def hub(self) -> SpaceHub:
        """Return the Space through the real client."""
        token = self.token or self.spaces.token
        return SpaceHub(SPACE, endpoint=self.spaces.url, token=token, patience=self.patience)

    @property
    def patience(self) -> Patience:
        """Return the patience of a client that waits for nothing."""
        return replace(Patience(), sleep=lambda _seconds: None)

    @property
    def watch(self) -> Watch:
        return Watch(600.0, 5.0, self.clock.read, self.clock.pause, self.lines.append)

    @property
    def steps(self) -> Steps:
        return Steps(smoke=self.visits.smoke)

    def payload(self, version: str = "1.0.0") -> Payload:
        return read_payload(self.root, version)

    def change(self, path: str, text: str | None) -> None:
        """Write a file of the project, or take it away."""
        file = self.root / path
        if text is None:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def ship(self, version: str = "1.0.0", steps: Steps | None = None, watch: Watch | None = None) -> Shipped:
        return ship(self.hub, self.payload(version), f"Deploy {version}", steps or self.steps, watch or self.watch)

    @property
    def head(self) -> str:
        return self.spaces.head(SPACE)

    @property
    def titles(self) -> list[str]:
        """Return the titles of the Space's commits, newest first."""
        return [commit.title for commit in self.spaces.history(SPACE)]

    def digests(self, sha: str = "main") -> dict[str, str]:
        """Return the files of a commit with their SHA-256, large ones told apart."""
        files = self.spaces.stored(SPACE, sha)
        return {path: f"{file.large} {hashlib.sha256(file.content).hexdigest()}" for path, file in files.items()}

    def has_the_payload(self, version: str = "1.0.0") -> bool:
        """Tell whether the Space has the project's files and their manifest."""
        payload = self.payload(version)
        there = self.spaces.tree(SPACE)
        told = read_manifest(there[MANIFEST])
        return (told.version, told.digest) == (version, payload.digest) and all(
            hashlib.sha256(there[file.path]).hexdigest() == file.sha256 for file in payload.files
        )


@contextmanager
def world_of(root: Path) -> Iterator[World]:
    """Yield a project and an empty Space of its owner, as `microscope space create` leaves it."""
    with LoopbackSpaces() as spaces:
        world = World(spaces, write_project(root))
        world.hub.create(hardware="zero-a10g")
        yield world
