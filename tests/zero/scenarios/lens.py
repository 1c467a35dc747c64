"""The lens on ZeroGPU: what goes through the door, what a worker finds out, what is asked for, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from microscope.engine.build import Engine
from microscope.lens.asks import Look
from microscope.lens.build import build_lens
from microscope.lens.events import LensEvent
from microscope.lens.findings import Finding
from microscope.lens.lens import Lens
from microscope.lens.selection import select
from microscope.lens.task import passes
from microscope.records import AnswerRequest, GenerationSettings, State
from microscope.settings import Settings
from tests.zero.checkpoints import QUESTION, picture
from tests.zero.stage import Stage

SETTINGS = GenerationSettings(max_new_tokens=7)
STEPS = 16


def play(engine: Engine, settings: Settings, stage: Stage) -> None:
    """Play all steps, after launch."""
    lens = build_lens(engine, settings)
    look(lens, engine, stage)
    ask_more(lens, stage)
    fail_alone(lens, stage)
    close_half_way(lens, stage)


def look(lens: Lens, engine: Engine, stage: Stage) -> None:
    """Look at two checkpoints, one of which is not packed; again; and at what nobody looked at."""
    stage.api.cool()
    keys = ("step-1", "late")
    announced = engine.quota_seconds(keys, SETTINGS, passes(Look()))
    stage.report("lens, look", **follow(stage, lens.look(request(*keys))), announced=announced)
    stage.report("lens, known", **follow(stage, lens.look(request(*keys))))
    stage.report("lens, recalled", **follow(stage, lens.look(request(*keys, "packed"), compute=False)))
    stage.report("lens, compared", computed=computed(engine, request("step-1")))


def ask_more(lens: Lens, stage: Stage) -> None:
    """Gather evidence, reject patches, read one, and score another answer, each of one checkpoint."""
    asked = request("step-1")
    for name, events in (
        ("explain", lens.explain(asked, "windows", None, STEPS)),
        ("reject", lens.reject(asked, lambda finding: select(finding.layout, finding.layout.boxed[:9], "drawn"))),
        ("read", lens.read(asked, 3)),
        ("score", lens.score(asked, "two")),
    ):
        stage.report(f"lens, {name}", **follow(stage, events))


def fail_alone(lens: Lens, stage: Stage) -> None:
    """Look at a checkpoint that cannot be loaded beside one that can."""
    stage.report("lens, beside a failure", **follow(stage, lens.look(request("damaged", "step-2"))))


def close_half_way(lens: Lens, stage: Stage) -> None:
    """Close a look at its first words, and look again."""
    asked = request("packed")
    seen, events = len(stage.api.calls()), lens.look(asked)
    next(event for event in events if event.event.state is State.GENERATING and event.event.text)
    events.close()
    stage.api.wait_for("/release", seen)
    (release,) = stage.api.calls("/release", seen)
    paths, failed = stage.api.paths(seen), release.parameters["fail"]
    stage.report("lens, closed", paths=paths, failed=failed, kept=known(lens, asked))
    stage.report("lens, after closing", **follow(stage, lens.look(asked)))


def request(*keys: str) -> AnswerRequest:
    """Return what is asked."""
    return AnswerRequest(picture(), QUESTION, keys, SETTINGS)


def computed(engine: Engine, asked: AnswerRequest) -> list[str]:
    """Return how the Compare tab comes to its answers."""
    return [event.answer.computed for event in engine.answerer.stream(asked, generate=False) if event.answer]


def known(lens: Lens, asked: AnswerRequest) -> int:
    """Return how many findings are kept."""
    return len(list(lens.look(asked, compute=False)))


def follow(stage: Stage, events: Iterator[LensEvent]) -> dict[str, object]:
    """Return what came of it: states, what is known at the end, calls to the platform, downloads."""
    calls, downloads = len(stage.api.calls()), len(stage.hub.requests)
    told = list(events)
    last = {event.checkpoint: event for event in told}
    return {
        "states": [[event.checkpoint, event.event.state.value] for event in told],
        "messages": {event.checkpoint: event.event.message for event in told if event.event.message},
        "found": {key: described(event.finding) for key, event in last.items() if event.finding is not None},
        "changes": {key: [event.change.text, event.change.after] for key, event in last.items() if event.change},
        "layers": {key: len(event.readout.layers) for key, event in last.items() if event.readout},
        "scores": {key: list(event.score) for key, event in last.items() if event.score},
        "calls": [[call.path, call.parameters] for call in stage.api.calls(since=calls)],
        "downloads": len(stage.hub.requests) - downloads,
    }


def described(finding: Finding) -> dict[str, Any]:
    """Return what a test looks at."""
    return {
        "ids": [token.id for token in finding.answer.tokens],
        "cells": len(finding.layout.cells),
        "rows": list(finding.rows.shape),
        "heats": [
            [heat.method, heat.token, heat.badge is not None, heat.cost.backwards, float(heat.values.max())]
            for heat in finding.heats
        ],
    }
