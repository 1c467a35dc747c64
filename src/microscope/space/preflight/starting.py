"""Starts the app as ZeroGPU does, in a process of its own without a network, until its page answers; loads no model.

Whatever the hardware: a copy of a Space on ZeroGPU dies where no function is decorated, and nobody sees it before.
Checkpoints of the Hub are not fetched for this; those that come with the app are placed as on the platform.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import tempfile
from collections.abc import Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from microscope.settings import environment_of_child
from microscope.space.causes import clean, last_raised
from microscope.space.child import Ended, run_child
from microscope.space.findings import Finding, Status
from microscope.space.preflight.base import Check, Project, failed, fine
from microscope.space.zero_mode import Listener, environment, listen

NAME = "Start"
SCRIPT = Path(__file__).resolve().parents[1] / "zero_app.py"
LONGEST_SAID = 300
# Variables that would make it another start than the Space's.
FOREIGN = ("GRADIO_", "HF_", "HUGGING_FACE_", "MICROSCOPE_", "OAUTH_", "PYTHON", "SPACE", "ZERO", "TRANSFORMERS_")
# What a Space is given that asks for hf_oauth.
OAUTH = {
    **dict.fromkeys(("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET"), "of-nobody"),
    "OAUTH_SCOPES": "openid profile",
    "OPENID_PROVIDER_URL": "https://huggingface.co",
}
SHOW = "See all of it: python {} shows the same."


def run(project: Project) -> Sequence[Finding]:
    """Return whether the app builds its page and has a function that a GPU can be lent to."""
    if sys.platform != "linux":
        reason = "not started, for ZeroGPU's package runs on Linux alone."
        return [Finding(NAME, Status.SKIPPED, reason, "Run the check there, such as in the workflow.")]
    app_file = project.front.text("app_file") or "app.py"
    if not (project.root / app_file).is_file():
        return [failed(NAME, f"There is no {app_file} to start.", "Put it back, or name the right app_file.")]
    with tempfile.TemporaryDirectory() as home, listen() as listener:
        page = _Page(free_port())
        ended = run_child(
            [sys.executable, str(SCRIPT), str(project.root), app_file],
            project.root,
            _environment(project, listener, Path(home), page.port),
            project.start_seconds,
            lambda: page.answers() or project.stop.is_set(),
        )
    return [_judge(project, app_file, ended, page=page.answered, reported=listener.heard.is_set())]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class _Page:
    """The page that the app is to serve, and whether it ever answered."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answered = False

    def answers(self) -> bool:
        """Ask for the page once."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/")
            self.answered = connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            self.answered = False
        finally:
            connection.close()
        return self.answered


def _environment(project: Project, listener: Listener, home: Path, port: int) -> dict[str, str]:
    signs_in = project.front.fields.get("hf_oauth") is True
    changes = {
        **(OAUTH if signs_in else {}),
        **environment(listener.url, home),
        # Where there is a proxy, what it says to itself goes past it.
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
        "HOME": str(home),
        "HF_HOME": str(home / "huggingface"),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(home / "gradio"),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "MICROSCOPE_DATA": str(home / "data"),
        "PYTHONUNBUFFERED": "1",
    }
    # Libraries look for programs, and take it for granted that there is a path.
    return {"PATH": os.defpath, **environment_of_child(changes, without=FOREIGN)}


def _judge(project: Project, app_file: str, ended: Ended, *, page: bool, reported: bool) -> Finding:
    if page and reported:
        return fine(NAME, f"{app_file} serves its page, and has told ZeroGPU that a function is decorated.")
    if page:
        reason = f"{app_file} serves its page, and no function is decorated with spaces.GPU, so ZeroGPU would end it."
        return failed(NAME, reason, "Decorate one before the launch, as src/microscope/engine/gpu.py does.")
    lines = [clean(line) for line in ended.lines]
    if ended.status is None:
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")
        reason = f"{app_file} served no page within {project.start_seconds:.0f} seconds; its last line: {_short(last)}"
        return failed(NAME, f"{reason.rstrip('.')}.", SHOW.format(app_file))
    raised = last_raised(lines)
    if raised:
        advice = "Add the package to requirements.txt, or put the file back." if "ModuleNotFound" in raised else ""
        place = _place(lines, project.root)
        return failed(
            NAME, f"{app_file} does not start: {_short(raised).rstrip('.')}{place}.", advice or SHOW.format(app_file)
        )
    if ended.status:
        last = next((line.strip() for line in reversed(lines) if line.strip()), f"exit status {ended.status}")
        return failed(NAME, f"{app_file} does not start: {_short(last).rstrip('.')}.", SHOW.format(app_file))
    return failed(
        NAME, f"{app_file} ends without serving a page.", "Let it launch the app where it is the main program."
    )


def _place(lines: Sequence[str], root: Path) -> str:
    """Return the last place in the project's own files that a traceback names."""
    own = re.compile(rf'^\s*File "{re.escape(str(root))}/(?P<path>[^"]+)", line (?P<line>\d+)')
    found = [match for line in lines if (match := own.match(line)) and "site-packages" not in match["path"]]
    return f" ({found[-1]['path']}, line {found[-1]['line']})" if found else ""


def _short(said: str) -> str:
    return said if len(said) <= LONGEST_SAID else f"{said[: LONGEST_SAID - 1]}…"


CHECK = Check(NAME, run, slow=True)
