"""The app as anybody starts it: what is pushed to the Hub answers visitors without a restart, and after one."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file

from microscope.serve.webhook import HEADER, PATH
from microscope.settings import environment_of_child
from tests.serve.hotswap.lab import KEY, REPO, Lab

ROOT = Path(__file__).parents[3]
SECRET = "correct horse"  # noqa: S105
PUSHED = {
    "event": {"action": "update", "scope": "repo.content"},
    "repo": {"type": "model", "name": REPO},
    "updatedRefs": [{"ref": "refs/heads/main"}],
}
PATIENCE = 240.0


class Running:
    """The app in a process of its own."""

    def __init__(self, lab: Lab) -> None:
        told = {
            "HF_ENDPOINT": lab.hub.url,
            "HF_HOME": str(lab.home / "hf"),
            "HF_HUB_DISABLE_XET": "1",
            "MICROSCOPE_DATA": str(lab.home / "data"),
            "MICROSCOPE_CATALOG": str(lab.home / "models.yaml"),
            "MICROSCOPE_PRESET": "cpu-basic",
            "MICROSCOPE_SWAP_ITEMS": "60",
            "MICROSCOPE_WEBHOOK_SECRET": SECRET,
            "GRADIO_ANALYTICS_ENABLED": "0",
        }
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py")],
            cwd=lab.home,
            env=environment_of_child(told, ("HF_", "MICROSCOPE_", "GRADIO_")),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # Whatever hangs, the reading below ends.
        self._watch = threading.Timer(PATIENCE, self.process.kill)
        self._watch.start()
        self.url = self.read(" is at http").rpartition(" is at ")[2].strip().rstrip("/")

    def read(self, part: str) -> str:
        """Return the next line of what it prints that holds a part."""
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if part in line:
                return line
        raise AssertionError("".join(lines[-40:]))

    def ask(self) -> str:
        """Ask as a program does, and return the revision that answered."""
        client = Client(self.url, verbose=False)
        picture = handle_file(str(ROOT / "assets" / "evalset" / "scene-000.png"))
        (answer,) = client.predict(
            image=picture, question="which object is white?", checkpoints=[KEY], api_name="/compare"
        )
        client.close()
        return answer["answer"]["facts"]["revision"]

    def push(self) -> int:
        """Tell it what the Hub tells of a push, and return the status."""
        return httpx.post(f"{self.url}{PATH}", json=PUSHED, headers={HEADER: SECRET}).status_code

    def close(self) -> None:
        """End it."""
        self._watch.cancel()
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture
def run(lab: Lab) -> Iterator[Callable[[], Running]]:
    """Return what starts the app."""
    started: list[Running] = []

    def start() -> Running:
        started.append(Running(lab))
        return started[-1]

    yield start
    for app in started:
        app.close()


def test_what_is_pushed_answers_without_a_restart_and_what_is_worse_not_even_after_one(
    lab: Lab, run: Callable[[], Running]
) -> None:
    old = lab.publish(300)
    app = run()
    assert app.ask() == old
    better = lab.publish(6000)
    assert app.push() == 202
    assert "is better than Ours" in app.read(" answers now in place of ")
    assert app.ask() == better
    worse = lab.publish(100)
    assert app.push() == 202
    assert f"at {better[:7]} goes on. Ours ({worse[:7]}) is worse than Ours" in app.read(" goes on. ")
    app.close()
    assert run().ask() == better
    assert [path.name for path in (lab.home / "data" / "swaps").iterdir()] == ["decisions.jsonl"]
