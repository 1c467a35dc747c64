"""The library's client outlives its being closed by another thread."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from huggingface_hub import HfApi, close_session, get_session
from huggingface_hub.errors import HTTPError
from huggingface_hub.utils import http_backoff

from microscope.catalog.hub import UnreachableError, explain_hub_error
from microscope.catalog.session import add_request_hook
from tests.hub.loopback_hub import LoopbackHub


def test_what_another_thread_has_closed_is_a_lost_connection(hub: LoopbackHub, api: HfApi) -> None:
    client = get_session()
    close_session()
    with pytest.raises(HTTPError) as caught:
        client.get(f"{hub.url}/api/models/org/model")
    # The client that the library opens next is of the same kind.
    assert get_session() is not client
    assert type(get_session()) is type(client)
    assert isinstance(explain_hub_error(caught.value, "org/model"), UnreachableError)
    assert api.model_info("org/model").id == "org/model"


@pytest.mark.usefixtures("api")
def test_the_library_tries_again_with_the_client_of_that_moment(hub: LoopbackHub) -> None:
    client = get_session()
    close_session()
    with patch("huggingface_hub.utils._http.get_session", side_effect=[client, get_session()]):
        response = http_backoff("GET", f"{hub.url}/api/models/org/model", base_wait_time=0.01)
    assert response.json()["id"] == "org/model"


@pytest.mark.usefixtures("api")
def test_a_bug_stays_one(hub: LoopbackHub) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("of ours")

    client = get_session()
    client.event_hooks["request"].append(broken)
    try:
        with pytest.raises(RuntimeError, match="of ours"):
            client.get(f"{hub.url}/api/models/org/model")
    finally:
        client.event_hooks["request"].remove(broken)


def test_hooks_are_called_in_their_order_and_none_is_lost() -> None:
    given, before = get_session(), list(get_session().event_hooks["request"])

    def first(_: object) -> None:
        """Do nothing, first."""

    def last(_: object) -> None:
        """Do nothing, last."""

    with patch("huggingface_hub.utils._http._GLOBAL_CLIENT_FACTORY"):
        add_request_hook(last)
        add_request_hook(first, first=True)
        assert get_session().event_hooks["request"] == [first, *before, last]
        assert isinstance(get_session(), type(given))
    close_session()
    assert get_session().event_hooks["request"] == before
