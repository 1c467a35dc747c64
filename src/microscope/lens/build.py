"""Builds the lens over an engine; knows no page."""

from __future__ import annotations

from microscope.engine.build import Engine
from microscope.lens.finding_store import FindingStore
from microscope.lens.lens import Lens
from microscope.settings import Settings


def build_lens(engine: Engine, settings: Settings) -> Lens:
    """Build the lens; findings lie beside the answers, within as many bytes. The engine must have the lens's task."""
    return Lens(engine.answerer, FindingStore(settings.data / "findings", settings.answers_bytes))
