"""Runs one command in a process of its own, for so long and no longer; knows not what it runs.

What it writes goes to a file and not to a pipe: a grandchild that outlived it would hold a pipe open for ever.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status, None where the time was up; and all that it wrote, errors included."""

    status: int | None
    log: str

    @property
    def lines(self) -> list[str]:
        """Return what it wrote, by line."""
        return self.log.splitlines()


def run_child(command: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float) -> Ended:
    """Run a command in a folder and wait for it; ends it with all that it started, also when the time is up."""
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(  # noqa: S603  (the callers' own commands, no shell)
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = child.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        log.seek(0)
        return Ended(status, log.read().decode(errors="replace"))
