"""A clean root of Debian by debootstrap, and what runs a command in it as a container would; knows no Dockerfile.

What is covered: a root of its own, a user, an environment of nothing but what is given, process numbers that begin at
1, mounts that vanish with the command, and, if asked for, a network that holds nothing but the loopback, and a root
that cannot be written.

What is not covered: an engine's limits on capabilities, system calls, memory and devices.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from docker_pip import Network

TOOLS = ("debootstrap", "unshare", "nsenter", "chroot", "mount", "ip")
RELEASE, PACKAGES = "bookworm", ("python3", "python3-venv", "ca-certificates")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SECONDS = 3600.0


@dataclass(frozen=True)
class Work:
    """What a command runs with: its user, its folder and its environment, where PATH stands unless given."""

    user: str = "0:0"
    folder: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, root: Path, words: Sequence[str]) -> list[str]:
        """Return the command that enters the root and runs the words there."""
        variables = {"PATH": PATH, **self.environment}
        # What a shell lets its background ignore, Ctrl+C among it, nothing in a container ignores.
        return [
            *("chroot", f"--userspec={self.user}", "--groups=", str(root), "/usr/bin/env", "-i", "--default-signal"),
            *(f"--chdir={self.folder}", *(f"{name}={value}" for name, value in variables.items()), *words),
        ]


@dataclass(frozen=True)
class Shell:
    """How a root is entered: what of this machine is bound into it, and what it is kept from.

    `alone` is a network of its own; `only` are the folders that can be written where all else cannot.
    """

    binds: tuple[Path, ...] = ()
    alone: bool = False
    only: tuple[str, ...] = ()

    def command(self, root: Path, words: Sequence[str]) -> list[str]:
        """Return the command that makes the mounts, of which nobody else knows, and becomes the words."""
        namespaces = ["--mount", "--pid", "--fork", "--kill-child", *(["--net"] if self.alone else [])]
        script = "\n".join(["set -e", *self._mounts(root), f"exec {shlex.join(words)}"])
        return ["unshare", *namespaces, "--", "/bin/sh", "-c", script]

    def _mounts(self, root: Path) -> list[str]:
        place = shlex.quote(str(root))
        lines = [
            f"mount --bind {place} {place}",
            f"mount -t proc proc {place}/proc",
            f"mount --rbind /dev {place}/dev",
        ]
        for path in self.binds:
            target = root / path.relative_to("/")
            lines += [shlex.join(["mount", "--bind", "-o", "ro", str(path.resolve()), str(target)])]
        if self.only:
            lines += [f"mount --bind {place}{folder} {place}{folder}" for folder in self.only]
            lines += [f"mount -t tmpfs tmpfs {place}/tmp", f"mount -o remount,bind,ro {place}"]  # noqa: S108
        return [*lines, "ip link set lo up"] if self.alone else lines

    def prepare(self, root: Path) -> None:
        """Make the places in the root that its mounts are put on."""
        for path in self.binds:
            target = root / path.relative_to("/")
            if path.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            elif not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.touch()


def missing_tools() -> list[str]:
    """Return what this machine lacks for a root to be made and entered: programs, or the right."""
    lacking = [tool for tool in TOOLS if shutil.which(tool) is None]
    return lacking if os.geteuid() == 0 and _may_be_alone() else [*lacking, "the rights of root"]


def _may_be_alone() -> bool:
    """Tell whether this user may have namespaces; root of a container most often may not."""
    alone = [shutil.which("unshare") or "unshare", "--mount", "--pid", "--fork", "--net", "true"]
    try:
        return subprocess.run(alone, capture_output=True, check=False).returncode == 0  # noqa: S603  (of util-linux)
    except FileNotFoundError:
        return False


def run(root: Path, words: Sequence[str], work: Work, shell: Shell, log: Path) -> int:
    """Run words in a root, what they print going to the end of a file, and return their exit status."""
    shell.prepare(root)
    with log.open("ab") as out:
        done = subprocess.run(  # noqa: S603  (commands of our own Dockerfile)
            shell.command(root, work.command(root, words)),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=SECONDS,
        )
    return done.returncode


def make_base(root: Path, mirror: str, network: Network, log: Path) -> None:
    """Make the stand-in for the base image: Debian's smallest root, and its Python as /usr/local has it there.

    A SystemExit tells what went wrong.
    """
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", RELEASE, str(root)]
    with log.open("ab") as out:
        made = subprocess.run(  # noqa: S603  (a tool of this machine)
            [*command, *([mirror] if mirror else [])], stdout=out, stderr=subprocess.STDOUT, check=False
        )
    if made.returncode:
        raise SystemExit(f"debootstrap failed; its last words:\n{last_words(log)}")
    # As in the image, `python` and `pip` stand in /usr/local, and install there.
    shell, work = Shell(network.binds), Work(environment=network.environment)
    for words in (("python3", "-m", "venv", "/usr/local"), ("pip", "install", "--quiet", "--upgrade", "pip")):
        if run(root, words, work, shell, log):
            raise SystemExit(f"{words[0]} failed in the new root; its last words:\n{last_words(log)}")


def last_words(log: Path, lines: int = 15) -> str:
    """Return the end of what was printed."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
