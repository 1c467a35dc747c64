"""Who waits for files hears how far they are; a folder that is there is not waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from microscope.catalog.spec import ModelSpec
from microscope.engine import fetching as module
from microscope.engine.download import Progress
from microscope.engine.fetching import fetching
from microscope.engine.files import Fetcher, LocalCheckpoint
from microscope.errors import UserError
from tests.families import local_of, spec_of

PATIENCE = 20.0
HUB = ModelSpec("far", "Far", "someone/far")


class Slow(Fetcher):
    """Tells how far it is, and waits to be let on."""

    def __init__(self, found: LocalCheckpoint | Exception) -> None:
        super().__init__()
        self.found, self.told, self.go = found, threading.Event(), threading.Event()
        self.thread: threading.Thread | None = None

    def fetch(self, _spec: ModelSpec, progress: Progress | None = None) -> LocalCheckpoint:
        assert progress is not None
        self.thread = threading.current_thread()
        progress(3, 10)
        self.told.set()
        assert self.go.wait(PATIENCE)
        progress(10, 10)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def returned(steps: Generator[object, None, LocalCheckpoint]) -> tuple[list[object], LocalCheckpoint]:
    found = []
    while True:
        try:
            found.append(next(steps))
        except StopIteration as end:
            return found, end.value


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_SECONDS", 0.01)


def test_a_folder_is_there_at_once(checkpoint: Callable[..., Path]) -> None:
    spec = spec_of(checkpoint("llava"))
    assert returned(fetching(Fetcher(), spec, lambda done, total: (done, total))) == (
        [],
        local_of(checkpoint("llava")),
    )


def test_who_waits_hears_how_far_it_is(checkpoint: Callable[..., Path]) -> None:
    slow = Slow(local_of(checkpoint("llava")))
    steps = fetching(slow, HUB, lambda done, total: (done, total))
    next(steps)
    assert slow.told.wait(PATIENCE)
    assert next(steps) == (3, 10)
    slow.go.set()
    found, local = returned(steps)
    assert set(found) <= {(3, 10), (10, 10)}
    assert local is slow.found


@pytest.mark.parametrize("error", [UserError("someone/far does not exist"), TimeoutError("the Hub did not answer")])
def test_a_failure_is_the_waiting_one_s(error: Exception) -> None:
    slow = Slow(error)
    slow.go.set()
    with pytest.raises(type(error), match=str(error)):
        returned(fetching(slow, HUB, lambda *told: told))


def test_who_leaves_does_not_stop_the_download(checkpoint: Callable[..., Path]) -> None:
    slow = Slow(local_of(checkpoint("llava")))
    steps = fetching(slow, HUB, lambda done, total: (done, total))
    next(steps)
    assert slow.told.wait(PATIENCE)
    steps.close()
    assert slow.thread is not None
    assert slow.thread.is_alive()
    slow.go.set()
    slow.thread.join(PATIENCE)
    assert not slow.thread.is_alive()
