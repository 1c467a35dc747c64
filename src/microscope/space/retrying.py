"""Asking again, with pauses, where an answer may still come; knows no Space and no sentence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from json import JSONDecodeError
from typing import TypeVar

from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import parse_ratelimit_headers

T = TypeVar("T")

PASSING = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


@dataclass(frozen=True)
class Patience:
    """How often the Hub is asked, and how long we wait between: twice as long each time, or as long as it says.

    What it says is heeded up to `longest_seconds`; a longer wait is no use to anybody, and is not begun. A log is at
    its end when nothing came for `silence_seconds`. `sleep` waits, and `clock` tells seconds.
    """

    tries: int = 5
    first_seconds: float = 2.0
    longest_seconds: float = 330.0
    silence_seconds: float = 5.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def pauses(self) -> Iterator[float]:
        """Yield the seconds to wait after each try but the last."""
        yield from (self.first_seconds * 2**number for number in range(self.tries - 1))


def insist(call: Callable[[], T], patience: Patience, failures: tuple[type[Exception], ...]) -> T:
    """Return what the call returns, asking again after failures that may pass; raises the last of `failures`."""
    for pause in patience.pauses():
        try:
            return call()
        except failures as error:
            seconds = pause_after(error, pause, patience) if may_pass(error) else None
            if seconds is None:
                raise
        patience.sleep(seconds)
    return call()


def pause_after(error: Exception, pause: float | None, patience: Patience) -> float | None:
    """Return how long to wait after a failure, None where no try is left (no `pause`) or it would be too long."""
    wanted = _wanted(error)
    if pause is None or (wanted or 0) > patience.longest_seconds:
        return None
    return pause if wanted is None else wanted


def may_pass(error: BaseException) -> bool:
    """Tell whether the same request may succeed later: no network, no answer, or the Hub's own trouble."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in PASSING
    if isinstance(error, OfflineModeIsEnabled):
        return False
    if isinstance(error, RuntimeError) and error.__cause__ is not None:
        # The library's words around the failure of one upload.
        return may_pass(error.__cause__)
    if isinstance(error, ConnectionError):
        # Xet puts answers that refuse into the same words as lost connections.
        return "client error (4" not in str(error)
    # The answer of a proxy in trouble is a page instead of JSON.
    return isinstance(error, HTTPError | TimeoutError | JSONDecodeError)


def _wanted(error: Exception) -> float | None:
    """Return the seconds that the Hub asks us to wait, None where it asks for none."""
    if not isinstance(error, HfHubHTTPError):
        return None
    headers = error.response.headers
    if error.response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        limit = parse_ratelimit_headers(headers)
        if limit is not None and limit.remaining == 0:
            return float(limit.reset_in_seconds)
    after = headers.get("Retry-After", "").strip()
    if after.isdecimal():
        return float(after)
    try:
        when = parsedate_to_datetime(after)
    except (TypeError, ValueError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    return max(0.0, (when - datetime.now(timezone.utc)).total_seconds())
