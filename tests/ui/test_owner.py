"""Who counts as the owner: on a Space who signed in as such, elsewhere who sits at the machine, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import fastapi
import gradio as gr
import httpx
import pytest

from microscope.settings import Settings
from microscope.ui.owner import FORWARDING, FORWARDING_FAMILIES, is_owner

LOCAL = {"host": "127.0.0.1:7860"}
LAPTOP = Settings.from_environment({})
SPACE = replace(LAPTOP, on_space=True, oauth=True, space_author="me", space_creator="64f0")


def request_from(client: str | None, headers: dict[str, str]) -> gr.Request:
    """Return the request of a visitor at an address."""
    scope = {
        "type": "http",
        "query_string": b"",
        "client": None if client is None else (client, 51234),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    return gr.Request(fastapi.Request(scope))


def profile(name: str, user: str = "1") -> gr.OAuthProfile:
    """Return a profile as the Hub writes it."""
    return gr.OAuthProfile({"name": "M", "preferred_username": name, "profile": "", "picture": "", "sub": user})


def owns(client: str | None = "127.0.0.1", **headers: str) -> bool:
    """Tell whether a visitor without a sign-in owns an app that runs off a Space."""
    written = {name.replace("_", "-"): value for name, value in headers.items()}
    return is_owner(request_from(client, LOCAL | written), None, LAPTOP)


@pytest.mark.parametrize("client", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "LOCALHOST", "[::1]:7860", "127.0.0.2"])
def test_who_sits_at_the_machine_is_the_owner(client: str, host: str) -> None:
    assert owns(client, host=host)


@pytest.mark.parametrize(
    "client", ["192.168.1.7", "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1", "testclient", "", None]
)
def test_another_machine_is_not(client: str | None) -> None:
    assert not owns(client)


@pytest.mark.parametrize(
    "name",
    [
        *sorted(FORWARDING),
        *(f"{family}anything" for family in FORWARDING_FAMILIES),
        "X-Forwarded-For",
        "CF-Connecting-IP",
    ],
)
def test_whoever_comes_by_way_of_a_proxy_is_not(name: str) -> None:
    assert not is_owner(request_from("127.0.0.1", LOCAL | {name: "127.0.0.1"}), None, LAPTOP)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:7860",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "0.0.0.0",  # noqa: S104
        "",
        "[::1",
        "a@b",
    ],
)
def test_a_name_that_was_rebound_to_this_machine_is_not(host: str) -> None:
    assert not owns(host=host)


def test_only_the_apps_own_page_acts_for_who_reads_it() -> None:
    assert owns(origin="http://127.0.0.1:7860")
    for origin in ("https://evil.example", "http://127.0.0.1:8888", "http://localhost:7860", "null", "", "http://["):
        assert not owns(origin=origin)


def test_a_sign_in_is_never_believed_off_a_space() -> None:
    signed_in = replace(LAPTOP, oauth=True, space_author="me", space_creator="64f0")
    assert not is_owner(request_from("10.0.0.1", LOCAL), profile("me", "64f0"), signed_in)


@pytest.mark.parametrize(("name", "user"), [("me", "1"), ("somebody", "64f0")])
def test_on_a_space_author_and_creator_are_owners(name: str, user: str) -> None:
    assert is_owner(request_from("10.0.0.1", {}), profile(name, user), SPACE)


def test_on_a_space_nobody_else_is() -> None:
    local = request_from("127.0.0.1", LOCAL)
    assert not is_owner(local, None, SPACE)
    assert not is_owner(local, profile("somebody"), SPACE)
    assert not is_owner(local, profile("Me"), SPACE)


def test_a_space_that_does_not_say_whose_it_is_has_no_owner() -> None:
    nameless = replace(SPACE, space_author=None, space_creator=None)
    without_user = profile("")
    del without_user["sub"]
    assert not is_owner(request_from("10.0.0.1", {}), without_user, nameless)
    assert not is_owner(request_from("10.0.0.1", {}), profile("me"), replace(SPACE, oauth=False))


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """Serve an app that tells its visitor whether it takes them for the owner, as Gradio launches every app."""
    with gr.Blocks() as demo:
        button, told = gr.Button(), gr.Checkbox()

        def ask(request: gr.Request, profile: gr.OAuthProfile | None) -> bool:
            return is_owner(request, profile, LAPTOP)

        button.click(ask, None, told, queue=False, api_name="ask")
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True)
    yield url
    demo.close()


def answer(url: str, **headers: str) -> bool:
    """Ask a served app over HTTP."""
    written = {name.replace("_", "-"): value for name, value in headers.items()}
    response = httpx.post(f"{url}gradio_api/run/ask", json={"data": []}, headers=written)
    response.raise_for_status()
    return response.json()["data"][0]


def test_over_http_the_own_machine_is_the_owner(served: str) -> None:
    assert answer(served) is True
    assert answer(served, origin=served.rstrip("/")) is True


@pytest.mark.parametrize(
    "headers",
    [
        {"x_forwarded_for": "127.0.0.1"},
        {"x_forwarded_for": "::1"},
        {"x_forwarded_for": "127.0.0.1, 127.0.0.1"},
        {"x_forwarded_for": ""},
        {"x_forwarded_host": "localhost"},
        {"forwarded": "for=127.0.0.1"},
        {"x_real_ip": "127.0.0.1"},
        {"host": "evil.example"},
        {"origin": "https://evil.example"},
    ],
)
def test_over_http_no_header_makes_an_owner_of_a_stranger(served: str, headers: dict[str, str]) -> None:
    assert answer(served, **headers) is False
