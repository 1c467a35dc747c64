"""Plays the scenarios in a child process and reads what they reported."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.zero.stage import STEPS

ROOT = Path(__file__).resolve().parents[2]
LOG = "log.txt"
# Variables that would change what is played.
FOREIGN = ("GRADIO_", "HF_", "HUGGING_FACE_", "MICROSCOPE_", "SPACE", "ZERO")
SECONDS = 240


@dataclass(frozen=True)
class Played:
    """What the scenarios reported: `played["the step"]` are its facts."""

    home: Path
    facts: dict[str, dict[str, Any]]

    def __getitem__(self, step: str) -> dict[str, Any]:
        if step not in self.facts:
            log = (self.home / LOG).read_text(encoding="utf-8", errors="replace")
            pytest.fail(f"the scenario ended before the step {step!r}; the end of its log:\n{log[-4000:]}")
        return self.facts[step]


def play(home: Path, scenario: str = "whole") -> Played:
    """Play a scenario in a furnished home; leave no process behind. What was reported there before is in it too."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)},
        "HOME": str(home),
        "HF_HOME": str(home / ".cache" / "huggingface"),
        "GRADIO_TEMP_DIR": str(home / "gradio"),
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src"))),
    }
    command = [sys.executable, "-m", "tests.zero.play", str(home), scenario]
    # Not a pipe: a worker that outlived its parent would hold it open.
    with (home / LOG).open("ab") as log:
        child = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        with suppress(subprocess.TimeoutExpired):
            child.wait(SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    steps = home / STEPS
    lines = steps.read_text(encoding="utf-8").splitlines() if steps.exists() else []
    return Played(home, {facts["step"]: facts for facts in map(json.loads, lines)})
