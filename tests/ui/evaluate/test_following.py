"""Work that is followed: what it tells, what it returns, and what it raises."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from microscope.errors import UserError
from microscope.ui.evaluate.following import Tell, following


def test_it_tells_how_far_it_is_and_returns_what_comes_of_it() -> None:
    seen, told = threading.Event(), []

    def work(tell: Tell) -> str:
        tell(3, 10)
        assert seen.wait(20)
        return "done"

    def watch() -> Iterator[tuple[int, int]]:
        told.append((yield from following(work)))

    steps = watch()
    assert next(steps) == (3, 10)
    seen.set()
    assert set(steps) <= {(3, 10)}
    assert told == ["done"]


def test_what_it_raises_is_raised_here() -> None:
    def work(tell: Tell) -> str:
        raise UserError("There is no such file.")

    with pytest.raises(UserError, match="no such file"):
        list(following(work))


def test_a_timeout_of_the_works_own_is_its_error_and_no_waiting() -> None:
    def work(tell: Tell) -> str:
        raise TimeoutError("too slow")

    with pytest.raises(TimeoutError, match="too slow"):
        list(following(work))
