"""What tests of the lens share: the engine's tiny checkpoints, and what they see."""

from __future__ import annotations

from tests.engine.conftest import _quiet, checkpoint, embedded, fresh, loaded
from tests.lens.looking import scenes, sights

__all__ = ["_quiet", "checkpoint", "embedded", "fresh", "loaded", "scenes", "sights"]
