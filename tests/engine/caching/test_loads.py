"""A load ends with a model, or early; anything else is an error."""

from __future__ import annotations

import pytest

from microscope.engine.caching.loads import Loaded, LoadJob, run
from microscope.engine.caching.states import LoadDropped

JOB = LoadJob(lambda _done, _total: None, lambda: False)


def test_a_load_gives_its_model() -> None:
    loaded = Loaded("model", 7)
    assert run(lambda _: loaded, JOB) is loaded


def test_a_load_that_nobody_waits_for_any_more_says_so_without_its_frames() -> None:
    def drop(_: LoadJob) -> Loaded[str]:
        raise LoadDropped

    found = run(drop, JOB)
    assert isinstance(found, LoadDropped)
    assert found.__traceback__ is None


def test_other_errors_are_errors() -> None:
    def fail(_: LoadJob) -> Loaded[str]:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run(fail, JOB)
