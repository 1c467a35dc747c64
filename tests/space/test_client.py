"""The client with limits to its waiting, and logs that never end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from huggingface_hub import get_session
from huggingface_hub.errors import HfHubHTTPError, HTTPError

from microscope.catalog.hub import hub_client
from microscope.space.client import read_events, space_client
from microscope.space.retrying import Patience
from tests.hub.spaces.loopback_spaces import LoopbackSpaces

SPACE = "owner/app"
PATIENCE = Patience(silence_seconds=0.1)


@pytest.fixture
def hub() -> Iterator[LoopbackSpaces]:
    with LoopbackSpaces() as hub:
        hub.create(SPACE, {"app.py": b""})
        yield hub


def read(hub: LoopbackSpaces, most: int = 400) -> tuple[str, ...]:
    """Read the build log."""
    return read_events(f"{hub.url}/api/spaces/{SPACE}/logs/build", hub.token, PATIENCE, most)


def test_no_request_waits_for_ever_and_none_too_short(hub: LoopbackSpaces) -> None:
    seen: list[dict[str, float]] = []
    # The catalogue limits what it reads of the Hub in this process as well, to less.
    hub_client(hub.url)
    space_client(hub.url, hub.token)
    session = get_session()
    session.event_hooks["request"].append(lambda request: seen.append(request.extensions["timeout"]))
    session.get(f"{hub.url}/api/spaces/{SPACE}")
    session.post(f"{hub.url}/api/spaces/{SPACE}/commit/main", content=b"")
    session.put(f"{hub.url}/large/x", content=b"")
    session.get(f"{hub.url}/api/spaces/{SPACE}", timeout=5)
    session.get(f"{hub.url}/api/models/owner/model")
    session.event_hooks["request"].pop()
    assert [limits["read"] for limits in seen] == [30, 300, 120, 5, 10]
    assert all(limits["connect"] for limits in seen)


def test_the_lines_of_a_log_are_read_to_their_end(hub: LoopbackSpaces) -> None:
    assert read(hub) == ()
    hub.say(SPACE, "build", *map(str, range(1_000)), "two\nlines", "")
    assert read(hub, most=5) == ("998", "999", "two", "lines", "")
    assert len(read(hub)) == 400


def test_a_log_that_is_kept_open_ends_with_silence(hub: LoopbackSpaces) -> None:
    hub.open_logs = True
    hub.say(SPACE, "build", "one", "two")
    assert read(hub) == ("one", "two")


def test_what_is_written_while_we_read_has_no_part_in_it(hub: LoopbackSpaces) -> None:
    hub.say(SPACE, "build", "one")
    hub.talkative = True
    assert read(hub)[0] == "one"
    assert len(read(hub)) < 400


def test_refusals_are_raised(hub: LoopbackSpaces) -> None:
    hub.fail(503, on="/logs/")
    with pytest.raises(HfHubHTTPError):
        read(hub)
    hub.drop("/logs/")
    with pytest.raises(HTTPError):
        read(hub)
