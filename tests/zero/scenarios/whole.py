"""All scenarios, one after another on one app: starting it takes longer than playing."""

from __future__ import annotations

from tests.zero.scenarios import app, door, engine, evaluation, lens
from tests.zero.stage import Stage


def play(stage: Stage) -> None:
    """Start the app, ask its engine and its lens, run a set, go through another door, and visit the app's endpoint."""
    started, url = app.start(stage)
    try:
        engine.play(started.engine, stage)
        lens.play(started.engine, started.settings, stage)
        evaluation.play(started.engine, stage)
        engine.tell_usage(started.engine, stage)
        door.play(stage)
        app.play(stage, url, started)
    finally:
        started.demo.close()
