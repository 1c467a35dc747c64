"""Places, decisions and specifications for tests that need no Hub."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from microscope.catalog.spec import ModelSpec
from microscope.serve.hotswap.places import Place
from microscope.serve.hotswap.record import KEPT, Decision, Judgement

A, B, C = (letter * 40 for letter in "abc")
ASKED = Place("lab/run")
JUDGED = Judgement("worse", "Scenes", "digest", 60, 13, -0.1, -0.2, -0.01, 0.05, "Ours is worse.")
SPEC = ModelSpec("ours", "Ours", "lab/run")


def at_commit(commit: str) -> Place:
    """Return the place of the one repository at a commit."""
    return replace(ASKED, revision=commit)


def decision(action: str = KEPT, current: str = A, candidate: str = B, **fields: Any) -> Decision:
    """Return a decision about the one checkpoint."""
    made = Decision(
        "2026-11-29T06:00:00+00:00", "ours", "Ours", "ada", action, ASKED, at_commit(current), at_commit(candidate)
    )
    return replace(made, **fields)
