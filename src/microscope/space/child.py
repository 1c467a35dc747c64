"""Runs one command in a process of its own, for so long and no longer; knows not what it runs.

What it writes goes to a file and not to a pipe: a grandchild that outlived it would hold a pipe open for ever.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

# Between two looks at whether it is time to end it.
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status, None where it was ended by us; and all that it wrote, errors included."""

    status: int | None
    log: str

    @property
    def lines(self) -> list[str]:
        """Return what it wrote, by line."""
        return self.log.splitlines()


def run_child(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    seconds: float,
    until: Callable[[], bool] = lambda: False,
) -> Ended:
    """Run a command in a folder and wait for it, or until something holds; ends it with all that it started.

    Its status is None where it was ended, for the time was up or `until` held.
    """
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
        end = monotonic() + seconds
        try:
            while (status := child.poll()) is None and monotonic() < end and not until():
                with suppress(subprocess.TimeoutExpired):
                    child.wait(max(0, min(LOOK_SECONDS, end - monotonic())))
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        log.seek(0)
        return Ended(status, log.read().decode(errors="replace"))
