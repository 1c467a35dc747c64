"""A newer commit of a packed checkpoint: the owner finds and stages it, and it answers after a restart of the app.

Played twice over one home: what is there tells which of the two lives of the app it is.
"""

from __future__ import annotations

import os
from typing import Any

import httpx
import pytest

from microscope.ui.app import App
from tests.hub.loopback_repos import Revision
from tests.ui.signing_in import SECRET, cookie, pretend_to_be_a_space
from tests.zero.checkpoints import write_checkpoint
from tests.zero.scenarios.app import PATIENCE, Visit, start
from tests.zero.stage import Stage

REPO, KEY = "org/packed", "packed"
CATALOGUE = """
models:
  packed: {hub: org/packed, parameters: 1.4M, label: Packed}
presets:
  zero-a10g: [packed]
"""
NEWER = 99
TOKENS = 12
# Of the Space, as the platform tells it.
OWNER = "ada"


def play(stage: Stage) -> None:
    """Play the life of the app before the restart or, where that was played, the one after it."""
    first = not (stage.home / "data").exists()
    (stage.home / "models.yaml").write_text(CATALOGUE)
    pretend_to_be_a_space(pytest.MonkeyPatch())
    os.environ["OAUTH_CLIENT_ID"] = "client"
    app, url = start(stage)
    try:
        stage.api.cool()
        (before_restart if first else after_restart)(app, url, stage)
    finally:
        app.swapper.close()
        app.demo.close()


def before_restart(app: App, url: str, stage: Stage) -> None:
    """Find the newer commit, stage it, and ask what answers."""
    owner = Person(app, url, OWNER)
    ask(stage, url, "swap, before")
    old, new = publish(stage)
    visitor = Person(app, url, "eve")
    refused = visitor.press("reload")
    stage.report("swap, visitor", status=refused.status_code, error=refused.json()["error"], page=visitor.page())
    seen = len(stage.api.calls())
    owner.do("reload")
    stage.report("swap, found", page=owner.page(), old=old, new=new, calls=stage.api.paths(seen))
    ask(stage, url, "swap, found and asked", TOKENS + 1)
    owner.do("switch", {"key": KEY})
    stage.report("swap, staged", page=owner.page(), calls=[call.path for call in stage.api.calls("/startup-report")])
    ask(stage, url, "swap, staged and asked", TOKENS + 2)


def after_restart(app: App, url: str, stage: Stage) -> None:
    """Ask what answers now."""
    ask(stage, url, "swap, restarted")
    stage.report("swap, restarted page", page=Person(app, url, OWNER).page())


class Person:
    """Somebody who signed in on the Space, and presses the buttons of the page over HTTP."""

    def __init__(self, app: App, url: str, name: str) -> None:
        self._app, self._url = app, url
        self._headers = {"Cookie": f"session={cookie(name, name, SECRET)}"}

    def press(self, name: str, sent: dict[str, str] | None = None) -> httpx.Response:
        """Post the event of that name."""
        (number,) = [number for number, fn in self._app.demo.fns.items() if fn.name == name]
        call = {"fn_index": number, "data": [], "event_data": sent, "session_hash": "page"}
        return httpx.post(f"{self._url}gradio_api/run/predict", json=call, headers=self._headers, timeout=PATIENCE)

    def do(self, name: str, sent: dict[str, str] | None = None) -> None:
        """Press a button, and wait until what it began is done."""
        self.press(name, sent).raise_for_status()
        if not self._app.swapper.wait(PATIENCE):
            raise TimeoutError(name)

    def page(self) -> list[Any]:
        """Return what the page shows of it."""
        return self.press("standing").json()["data"]


def publish(stage: Stage) -> tuple[str, str]:
    """Publish other weights in the place of those of the packed checkpoint; return both commits."""
    folder, old = stage.home / "hub" / REPO, stage.hub.commit(REPO)
    kept = stage.home / "history" / old
    kept.parent.mkdir()
    stage.hub.history[old] = Revision(REPO, folder.rename(kept), old)
    write_checkpoint(folder, NEWER)
    return old, stage.hub.commit(REPO)


def ask(stage: Stage, url: str, step: str, tokens: int = TOKENS) -> None:
    """Report what answers a visitor under the one key; with other tokens nothing is known from before."""
    seen = len(stage.api.calls())
    (column,) = Visit(stage, url, "ada").ask(KEY, tokens=tokens).result()
    facts = (column["answer"] or {}).get("facts", {})
    stage.report(
        step,
        state=column["state"],
        message=column["message"],
        text=column["text"],
        revision=facts.get("revision"),
        loaded_in=facts.get("loaded_in"),
        calls=stage.api.paths(seen),
    )
