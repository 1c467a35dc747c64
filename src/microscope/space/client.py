"""The client of the Hub that this room uses, with limits to its waiting; knows no Space."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Protocol

from huggingface_hub import HfApi, get_session
from huggingface_hub.errors import HTTPError
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, parse_datetime

from microscope.catalog.session import add_request_hook
from microscope.space.retrying import Patience

# A token, None: as the library finds it, or False: none.
Token = str | bool | None

# Between two pieces of data. A commit of hundreds of files is answered when all of it is written.
SECONDS, UPLOAD_SECONDS, COMMIT_SECONDS = 30.0, 120.0, 300.0


class _Request(Protocol):
    """The part of a request that tells how long to wait."""

    method: str
    url: Any
    extensions: dict[str, Any]


def space_client(endpoint: str | None, token: Token) -> HfApi:
    """Return a client of the Hub, and see to it that no request of this process waits for ever."""
    _limit_waiting()
    return HfApi(endpoint=endpoint, token=token)


def read_events(url: str, token: Token, patience: Patience, most: int) -> tuple[str, ...]:
    """Return the last lines of a log that the Hub sends as events, as far as it has come; raises its refusals.

    The library's own reading ends with the first silence of five seconds, which never comes where the Hub sends signs
    of life more often than that.
    """
    lines: deque[str] = deque(maxlen=most)
    timeout = patience.silence_seconds
    with get_session().stream("GET", url, headers=build_hf_headers(token=token), timeout=timeout) as response:
        hf_raise_for_status(response)
        now = _date(response.headers.get("date"))
        try:
            _collect(response.iter_lines(), lines, patience, now)
        except HTTPError:
            # Silence, or a connection that is gone: what has come is the log.
            return tuple(lines)
    return tuple(lines)


def _collect(events: Iterable[str], lines: deque[str], patience: Patience, now: datetime | None) -> None:
    last = patience.clock()
    for line in events:
        if not line.startswith("data: {"):
            if patience.clock() - last > patience.silence_seconds:
                return
            continue
        event = json.loads(line.removeprefix("data: "))
        when = event.get("timestamp")
        if now is not None and when and parse_datetime(when) > now:
            # What the app writes while we read has no end.
            return
        last = patience.clock()
        lines.extend(event.get("data", "").splitlines() or [""])


def _date(header: str | None) -> datetime | None:
    # The header has no fractions of seconds.
    return parsedate_to_datetime(header) + timedelta(seconds=1) if header else None


@cache
def _limit_waiting() -> None:
    # Before others that may limit what has no limit, for theirs are meant for reading.
    add_request_hook(_set_limit, first=True)


def _set_limit(request: _Request) -> None:
    seconds = UPLOAD_SECONDS if request.method == "PUT" else SECONDS
    if request.method == "POST" and "/commit/" in request.url.path:
        seconds = COMMIT_SECONDS
    limits = request.extensions.get("timeout", {})
    parts = ("connect", "read", "write", "pool")
    request.extensions["timeout"] = {part: limits.get(part) or seconds for part in parts}
