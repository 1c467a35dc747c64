"""What fails inside the boundary becomes a sentence in its place, and nothing else is changed."""

from __future__ import annotations

import gc
import logging
import re
import weakref
from collections.abc import Iterator

import pytest

from microscope.engine.boundary import attempt, guarded
from microscope.errors import UserError


def steps(*items: str, error: BaseException | None = None) -> Iterator[str]:
    yield from items
    if error is not None:
        raise error


def failed(sentence: str) -> str:
    return f"failed: {sentence}"


def test_steps_that_succeed_pass_through() -> None:
    assert list(guarded(steps("one", "two"), failed)) == ["one", "two"]


def test_a_user_error_ends_the_steps_with_its_own_sentence() -> None:
    error = UserError("The disk is full; free some space.")
    assert list(guarded(steps("one", error=error), failed)) == ["one", "failed: The disk is full; free some space."]


def test_a_bug_is_logged_and_shown_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="microscope"):
        (said,) = guarded(steps(error=KeyError("a secret")), failed)
    reference = re.search(r"reference (\w{8})", said)
    assert reference
    assert "secret" not in said
    assert reference[1] in caplog.text
    assert "a secret" in caplog.text


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_what_ends_the_program_is_not_caught(error: BaseException) -> None:
    with pytest.raises(type(error)):
        list(guarded(steps(error=error), failed))


def test_closing_closes_the_steps() -> None:
    closed = []

    def work() -> Iterator[str]:
        try:
            yield "one"
            yield "two"
        finally:
            closed.append(True)

    guard = guarded(work(), failed)
    next(guard)
    guard.close()
    assert closed == [True]


class Memory:
    """Something large that a failing frame holds."""


def test_the_failure_keeps_nothing_of_what_failed_alive() -> None:
    """Whoever goes on may need the memory: tensors live as long as the traceback of the frame that made them."""
    held: list[weakref.ref[Memory]] = []

    def work() -> Iterator[str]:
        memory = Memory()
        held.append(weakref.ref(memory))
        raise UserError("There is no memory left; try a smaller image.")
        yield ""

    guard = guarded(work(), failed)
    assert next(guard).startswith("failed: There is no memory")
    gc.collect()
    assert held[0]() is None


class ExpectedError(Exception):
    """One that the caller knows what to do with."""


def test_an_attempt_returns_what_the_work_returns() -> None:
    assert attempt(lambda: 7, ExpectedError) == 7


def test_an_expected_error_is_returned_without_the_frames_that_it_came_through() -> None:
    def work() -> int:
        raise ExpectedError

    found = attempt(work, ExpectedError)
    assert isinstance(found, ExpectedError)
    assert found.__traceback__ is None


def test_a_failed_attempt_is_a_sentence_and_a_bug_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def refuse() -> int:
        raise UserError("It is gone; choose another one.")

    def fail() -> int:
        raise ValueError("a detail that is nobody's business")

    assert attempt(refuse, ExpectedError) == "It is gone; choose another one."
    assert "report the reference" in str(attempt(fail, ExpectedError))
    assert "a detail that is nobody's business" in caplog.text
