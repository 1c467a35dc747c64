"""The whole lens for tests: real engine, real door, real stores, on tiny checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from microscope.catalog.spec import Catalog, ModelSpec
from microscope.engine.answers import Answerer
from microscope.engine.build import Workshop, answer_task
from microscope.engine.files import Fetcher
from microscope.engine.gpu import Door
from microscope.engine.offered import Offered
from microscope.engine.pace import Pace
from microscope.engine.processors import Processors
from microscope.lens.events import LensEvent
from microscope.lens.finding_store import FindingStore
from microscope.lens.lens import Lens
from microscope.lens.task import lens_task
from microscope.records import State
from microscope.storage.answers import AnswerStore
from tests.keeping import models_of


def lens_of(folder: Path, specs: tuple[ModelSpec, ...]) -> Lens:
    """Return a lens over some checkpoints on the CPU; what it finds out is kept under a folder."""
    models, pace, processors = models_of(), Pace("cpu"), Processors()
    shop = Workshop(models, processors, pace, 0)
    door = Door(models, (answer_task(shop), lens_task(shop)))
    store = AnswerStore(folder / "answers", 10**7)
    answerer = Answerer(Offered(Catalog(specs)), Fetcher(), processors, models, door, store, pace)
    return Lens(answerer, FindingStore(folder / "findings", 10**8))


def last(events: Iterator[LensEvent]) -> dict[str, LensEvent]:
    """Return the last event of each checkpoint; each must be over."""
    found = {event.checkpoint: event for event in events}
    assert all(event.over for event in found.values())
    return found


def states(events: list[LensEvent], key: str) -> list[State]:
    """Return a checkpoint's states in their order, those that follow themselves once."""
    found = [event.event.state for event in events if event.checkpoint == key]
    return [state for number, state in enumerate(found) if number == 0 or state != found[number - 1]]
