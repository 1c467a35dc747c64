"""All scenarios, one after another on one app: starting it takes longer than playing."""

from __future__ import annotations

from tests.zero.scenarios import app, door, engine
from tests.zero.stage import Stage


def play(stage: Stage) -> None:
    """Start the app, ask its engine, visit its page's endpoint, and go through a door with other tasks."""
    started, url = app.start(stage)
    try:
        engine.play(started.engine, stage)
        app.play(stage, url)
        door.play(stage)
    finally:
        started.demo.close()
