"""Runs the real app of a Space's commits, each in a process of its own, as the platform does; knows no Hub."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from microscope.settings import VARIABLES
from tests.zero.stage import free_port


@dataclass
class Platform:
    """Runs the app of a Space's newest commit, one at a time, on a port of its own each."""

    folder: Path
    running: subprocess.Popen[bytes] | None = None
    starts: list[str] = field(default_factory=list)

    def run(self, space: str, sha: str, files: dict[str, bytes]) -> str:
        """Stop what runs, put a commit's files into a folder, start it, and return its address."""
        self.stop()
        root = self.folder / f"{len(self.starts)}-{sha[:7]}"
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        self.starts.append(sha)
        port = free_port()
        inherited = {name: value for name, value in os.environ.items() if name not in {one.name for one in VARIABLES}}
        owner, name = space.split("/")
        environ = {
            **inherited,
            "SYSTEM": "spaces",
            "SPACE_ID": space,
            "SPACE_AUTHOR_NAME": owner,
            "SPACE_HOST": f"{owner}-{name}.hf.space",
            "ACCELERATOR": "none",
            "MEMORY": "16Gi",
            "CPU_CORES": "2",
            "MICROSCOPE_PRESET": "cpu-basic",
            "MICROSCOPE_DATA": str(self.folder / "data"),
            "HF_HUB_OFFLINE": "1",
            "GRADIO_SERVER_NAME": "127.0.0.1",
            "GRADIO_SERVER_PORT": str(port),
        }
        with (root / "run.log").open("wb") as log:
            self.running = subprocess.Popen(
                [sys.executable, "app.py"], cwd=root, env=environ, stdout=log, stderr=subprocess.STDOUT
            )
        return f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        """Stop what runs, if anything does."""
        if self.running is not None:
            self.running.kill()
            self.running.wait()
