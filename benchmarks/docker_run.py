"""Runs what a built image runs, asks its health and a question from inside, and stops it; knows no engine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from docker_build import Image
from docker_root import Shell, Work, last_words

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
# How long an engine waits after the signal to stop before it kills.
GRACE = 10.0
LOOK = 0.5


@dataclass(frozen=True)
class Container:
    """A running image: the process that holds its namespaces, and the first process within."""

    image: Image
    holder: subprocess.Popen[bytes]
    first: int
    began: float
    log: Path

    def execute(self, words: Sequence[str], environment: dict[str, str], seconds: float) -> tuple[int, str]:
        """Run words beside the first process, as `docker exec` does, and return exit status and what was printed."""
        work = self.image.work
        inside = Work(work.user, work.folder, {**work.environment, **environment}).command(self.image.root, words)
        enter = ["nsenter", f"--target={self.first}", "--mount", "--pid", "--net", "--", *inside]
        try:
            done = subprocess.run(  # noqa: S603  (commands of our own image)
                enter, capture_output=True, text=True, check=False, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            return 1, f"nothing within {seconds:.0f} s"
        return done.returncode, (done.stdout + done.stderr).strip()

    def wait_until_healthy(self) -> float:
        """Run the image's health check until it passes, and return the seconds since the start.

        A SystemExit tells that an engine would have called it unhealthy, or that it ended.
        """
        check = self.image.health
        if check is None:
            raise SystemExit("the Dockerfile has no HEALTHCHECK")
        longest = seconds(check.flags["start-period"]) + int(check.flags["retries"]) * seconds(check.flags["interval"])
        said = ""
        while time.monotonic() - self.began < longest and self.holder.poll() is None:
            status, said = self.execute(check.command, {}, seconds(check.flags["timeout"]))
            if status == 0:
                return time.monotonic() - self.began
            time.sleep(LOOK)
        raise SystemExit(f"it did not become healthy: {said}\n{last_words(self.log)}")

    def user(self) -> tuple[int, int]:
        """Return the numbers of the user and the group that the first process is."""
        status = Path(f"/proc/{self.first}/status").read_text(encoding="utf-8")
        found = re.findall(r"^[UG]id:\t(\d+)", status, re.MULTILINE)
        return int(found[0]), int(found[1])

    def stop(self) -> tuple[float, int]:
        """Send the signal that stops it, and return how long it took and the exit status; kill it after the grace."""
        began = time.monotonic()
        os.kill(self.first, getattr(signal, self.image.signal))
        try:
            status = self.holder.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.kill(self.first, signal.SIGKILL)
            status = self.holder.wait()
        return time.monotonic() - began, status


@contextmanager
def started(image: Image, log: Path, binds: tuple[Path, ...] = ()) -> Iterator[Container]:
    """Start an image's command, alone in a network, able to write its volumes and /tmp; end it afterwards.

    `binds` are paths of this machine that it sees as well.
    """
    # An engine gives every container such a file.
    (image.root / "etc/hosts").write_text("127.0.0.1\tlocalhost\n", encoding="utf-8")
    shell = Shell(binds, alone=True, only=image.volumes)
    shell.prepare(image.root)
    began = time.monotonic()
    with log.open("ab") as out:
        holder = subprocess.Popen(  # noqa: S603  (the command of our own image)
            shell.command(image.root, image.work.command(image.root, image.command)),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Container(image, holder, _first(holder, image, log), began, log)
    finally:
        # The first process goes with the one that holds it.
        holder.kill()
        holder.wait()


def seconds(text: str) -> float:
    """Return a duration as Docker writes it, such as 1m30s, in seconds."""
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)(ms|s|m|h)", text))


def _first(holder: subprocess.Popen[bytes], image: Image, log: Path) -> int:
    """Return the number of the first process, once it has entered the root and become the image's command."""
    children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children")
    while holder.poll() is None:
        # Either may be gone between two looks.
        with suppress(FileNotFoundError, ProcessLookupError):
            found = children.read_text(encoding="utf-8").split()
            if found and Path(f"/proc/{found[0]}/comm").read_text(encoding="utf-8").strip() == image.command[0]:
                return int(found[0])
        time.sleep(LOOK / 10)
    raise SystemExit(f"it ended before it began:\n{last_words(log)}")
