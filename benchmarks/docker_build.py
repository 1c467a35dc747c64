"""Carries a Dockerfile's instructions out in clean roots, one a stage; knows no engine, keeps no layers.

`RUN` is run as it stands, `COPY` copies what .dockerignore leaves, and the rest is remembered for the image.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from docker_context import context
from docker_pip import Network
from docker_root import Shell, Work, last_words, run
from dockerfile import Instruction, Stage, expanded, read_dockerfile

ROOT_USER = "0:0"


@dataclass
class Image:
    """A stage as far as it is built: its root, and what its instructions said of what runs in it."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = ROOT_USER
    volumes: tuple[str, ...] = ()
    signal: str = "SIGTERM"
    health: Instruction | None = None
    command: tuple[str, ...] = ()

    @property
    def work(self) -> Work:
        """Return what a command of the image runs with: HOME is the user's, as the image's own file tells it."""
        return Work(self.user, self.folder, {"HOME": self._home(), **self.environment})

    def path(self, name: str) -> Path:
        """Return the place in the root that a path of an instruction means."""
        return self.root / str(PurePosixPath(self.folder) / name).lstrip("/")

    def _home(self) -> str:
        number = self.user.partition(":")[0]
        rows = (line.split(":") for line in (self.root / "etc/passwd").read_text(encoding="utf-8").splitlines())
        return next((row[5] for row in rows if number in (row[0], row[2])), "/")


@dataclass(frozen=True)
class Builder:
    """One build: the base image's stand-in, the folder that roots are made in, what is built, and its arguments."""

    base: Path
    place: Path
    source: Path
    given: Mapping[str, str]
    network: Network
    log: Path
    tell: Callable[[str], None]

    def build(self) -> Image:
        """Build the last stage, telling each instruction and how long it took; a SystemExit tells which one failed."""
        built: dict[str, Image] = {}
        for stage in read_dockerfile(self.source / "Dockerfile"):
            image = self._begin(stage, built)
            for number, one in enumerate(stage.instructions, 1):
                began = time.monotonic()
                self._carry_out(one, image, built)
                step = f"{stage.name} {number}/{len(stage.instructions)}"
                self.tell(f"{time.monotonic() - began:7.1f} s  {step} {one.word} {shown(one)}")
            built[stage.name] = image
        return list(built.values())[-1]

    def _begin(self, stage: Stage, built: Mapping[str, Image]) -> Image:
        """Return a stage's image before its first instruction; one without instructions is what it begins from."""
        before = built.get(stage.base, Image(self.base))
        if not stage.instructions:
            return before
        began = time.monotonic()
        root = self.place / stage.name
        # With owners and links, without which a clean root is none.
        subprocess.run(["cp", "--archive", "--reflink=auto", str(before.root), str(root)], check=True)  # noqa: S603, S607
        self.tell(f"{time.monotonic() - began:7.1f} s  {stage.name} FROM {stage.base}")
        return Image(root, dict(before.environment), {}, before.folder, before.user)

    def _carry_out(self, one: Instruction, image: Image, built: Mapping[str, Image]) -> None:
        value = expanded(one.value, {**image.arguments, **image.environment})
        if one.word == "RUN":
            self._run(one, image)
        elif one.word == "COPY":
            self._copy(one, value, image, built)
        elif one.word == "ARG":
            name, _, default = value.partition("=")
            image.arguments[name] = self.given.get(name, default)
        elif one.word == "ENV":
            image.environment.update(one.pairs())
        elif one.word == "WORKDIR":
            image.folder = str(PurePosixPath(image.folder) / value)
            image.path(".").mkdir(parents=True, exist_ok=True)
        elif one.word == "USER":
            image.user = value
        else:
            _remember(one, value, image)

    def _run(self, one: Instruction, image: Image) -> None:
        work = image.work
        # As in an engine, arguments are variables of the command, and those of the image come before them.
        variables = {**self.network.environment, **image.arguments, **work.environment}
        work = Work(work.user, work.folder, variables)
        status = run(image.root, one.command, work, Shell(self.network.binds), self.log)
        if status:
            raise SystemExit(f"line {one.line} of the Dockerfile failed ({status}):\n{last_words(self.log)}")

    def _copy(self, one: Instruction, value: str, image: Image, built: Mapping[str, Image]) -> None:
        *sources, target = value.split()
        if not target.endswith("/"):
            raise SystemExit(
                f"line {one.line} of the Dockerfile copies to {target}; write a folder, with a / at its end"
            )
        earlier = built[one.flags["from"]].root if "from" in one.flags else None
        given = [] if earlier else list(context(self.source))
        for source in sources:
            if earlier:
                pairs = [(earlier / source.lstrip("/"), Path(source).name)]
            else:
                inside = "" if source == "." else f"{source.rstrip('/')}/"
                names = [name for name in given if name == source or name.startswith(inside)]
                pairs = [(self.source / name, name.removeprefix(inside) if name != source else name) for name in names]
            if not pairs:
                raise SystemExit(f"line {one.line} of the Dockerfile copies {source}, which the build is not given")
            for path, name in pairs:
                _place(path, image.path(target) / name, one.flags.get("chmod"))


def shown(one: Instruction) -> str:
    """Return an instruction as a line: flags, and its words with one space between two."""
    return " ".join([*(f"--{name}={value}" for name, value in one.flags.items()), *one.value.split()])


def _remember(one: Instruction, value: str, image: Image) -> None:
    if one.word == "VOLUME":
        image.volumes += one.command
    elif one.word == "STOPSIGNAL":
        image.signal = value
    elif one.word == "HEALTHCHECK":
        image.health = one
    elif one.word == "CMD":
        image.command = one.command


def _place(source: Path, target: Path, mode: str | None) -> None:
    """Copy a file to its place; folders made on the way have its mode, as an engine gives it to all that it copies."""
    missing = [folder for folder in target.parents if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    if mode:
        for path in (target, *missing):
            path.chmod(int(mode, 8))
