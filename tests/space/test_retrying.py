"""Asking again, without waiting."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from huggingface_hub import get_session
from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import hf_raise_for_status

from microscope.space.retrying import Patience, insist, may_pass, pause_after
from tests.hub.spaces.loopback_spaces import LoopbackSpaces

FAILURES = (HTTPError,)


def answer(status: int, headers: dict[str, str] | None = None) -> HfHubHTTPError:
    """Return the library's own error for an answer of a real server."""
    with LoopbackSpaces() as hub:
        hub.fail(status, headers=headers)
        with pytest.raises(HfHubHTTPError) as caught:
            hf_raise_for_status(get_session().get(f"{hub.url}/api/spaces/owner/app"))
    return caught.value


def failing(*errors: Exception) -> Callable[[], str]:
    """Return a call that raises these, one after another, and then succeeds."""
    left = list(errors)

    def call() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return call


def test_pauses_double_and_the_last_failure_is_raised() -> None:
    slept: list[float] = []
    patience = Patience(tries=4, first_seconds=3, sleep=slept.append)
    lost = HTTPError("lost")
    assert insist(failing(lost, lost, lost), patience, FAILURES) == "done"
    assert slept == [3, 6, 12]
    with pytest.raises(HTTPError, match="last"):
        insist(failing(lost, lost, lost, HTTPError("last")), patience, FAILURES)


def test_what_does_not_pass_is_raised_at_once() -> None:
    patience = Patience(sleep=lambda _: pytest.fail("waited"))
    for error in (answer(404), answer(403), answer(412)):
        with pytest.raises(HfHubHTTPError):
            insist(failing(error), patience, FAILURES)
    with pytest.raises(ZeroDivisionError):
        insist(failing(ZeroDivisionError()), patience, FAILURES)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "42"}, 42),
        ({"Ratelimit": '"api";r=0;t=17', "Retry-After": "42"}, 17),
        ({"Ratelimit": '"api";r=5;t=17'}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({}, None),
    ],
)
def test_the_hub_says_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert pause_after(answer(429, headers), 3, Patience()) == (3 if seconds is None else seconds)


def test_a_date_to_come_is_waited_for() -> None:
    then = format_datetime(datetime.now(timezone.utc) + timedelta(minutes=1), usegmt=True)
    assert 50 < (pause_after(answer(503, {"Retry-After": then}), 3, Patience()) or 0) <= 60
    assert pause_after(answer(503), None, Patience()) is None


def test_a_wanted_pause_is_kept_and_one_too_long_is_not_begun() -> None:
    slept: list[float] = []
    patience = Patience(longest_seconds=60, sleep=slept.append)
    assert insist(failing(answer(429, {"Retry-After": "42"})), patience, FAILURES) == "done"
    assert slept == [42]
    with pytest.raises(HfHubHTTPError):
        insist(failing(answer(429, {"Retry-After": "3600"})), patience, FAILURES)
    assert slept == [42]


def wrapped(cause: Exception) -> RuntimeError:
    """Return an error as the library wraps that of one upload."""
    error = RuntimeError("Error while uploading 'a' to the Hub.")
    error.__cause__ = cause
    return error


def test_what_may_pass() -> None:
    assert may_pass(answer(500))
    assert may_pass(wrapped(answer(502)))
    assert not may_pass(wrapped(answer(403)))
    assert not may_pass(RuntimeError("CAS says no"))
    assert not may_pass(OfflineModeIsEnabled())
    assert may_pass(ConnectionError("Network error: connection reset"))
    assert not may_pass(ConnectionError("Network error: HTTP status client error (401 Unauthorized)"))
    assert not may_pass(ValueError("no"))
