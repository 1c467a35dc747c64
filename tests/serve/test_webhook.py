"""The webhook believes nobody without the secret, acts on nothing but files of the catalogue's models, and once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

import microscope.engine  # noqa: F401  (repairs torchvision before the tests import transformers)
from microscope.errors import UserError
from microscope.serve import webhook
from microscope.serve.hotswap.standing import Standing, State
from microscope.serve.webhook import (
    GATHER_SECONDS,
    HEADER,
    MOST_BYTES,
    NO_CONTENT,
    NO_MESSAGE,
    NO_MODEL,
    NO_SECRET,
    NOT_OURS,
    OFF,
    PATH,
    PULL_REQUEST,
    TOO_LARGE,
    webhook_route,
)
from microscope.settings import Settings
from tests.hub.loopback_hub import LoopbackHub
from tests.serve.hotswap.lab import PATIENCE, Lab

SECRET = "correct horse"  # noqa: S105
MAIN = {"ref": "refs/heads/main", "oldSha": "a" * 40, "newSha": "b" * 40}
MESSAGE: dict[str, Any] = {
    "event": {"action": "update", "scope": "repo.content"},
    "repo": {"type": "model", "name": "lab/run", "id": "1", "private": False, "headSha": "b" * 40},
    "updatedRefs": [MAIN],
    "webhook": {"id": "2", "version": 3},
}


@dataclass
class Counting:
    """Counts how often it was to reload, and by whom."""

    asked: list[tuple[str, float]] = field(default_factory=list)
    closed: bool = False

    def repositories(self) -> frozenset[str]:
        return frozenset({"lab/run"})

    def reload(self, by: str, *, after: float = 0.0) -> Standing:
        if self.closed:
            raise UserError("The app is being shut down; nothing was begun.")
        self.asked.append((by, after))
        return Standing()


@pytest.fixture
def swapper() -> Counting:
    return Counting()


@pytest.fixture
def client(swapper: Counting) -> TestClient:
    return TestClient(Starlette(routes=[webhook_route(swapper, SECRET)]))


def post(client: TestClient, message: object = MESSAGE, secret: str | None = SECRET) -> httpx.Response:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return client.post(PATH, content=body, headers={} if secret is None else {HEADER: secret})


def test_a_change_of_a_model_of_the_catalogue_reloads_it(client: TestClient, swapper: Counting) -> None:
    response = post(client)
    assert (response.status_code, response.json()["status"]) == (202, "accepted")
    assert response.headers["cache-control"] == "no-store"
    assert swapper.asked == [("webhook", GATHER_SECONDS)]


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + " ", SECRET.upper(), "größer"])
def test_without_the_secret_nothing_is_read_and_nothing_is_said_of_it(
    secret: str | None, client: TestClient, swapper: Counting
) -> None:
    given = None if secret is None else secret.encode().decode("latin-1")
    response = client.post(
        PATH, content=b"not even JSON", headers={} if given is None else [(HEADER, given.encode("latin-1"))]
    )
    assert (response.status_code, response.json()["reason"]) == (401, NO_SECRET)
    assert SECRET not in response.text
    assert swapper.asked == []


def test_where_no_secret_is_set_there_is_no_webhook(swapper: Counting) -> None:
    off = TestClient(Starlette(routes=[webhook_route(swapper, "")]))
    for secret in (None, "", "anything"):
        response = post(off, secret=secret)
        assert (response.status_code, response.json()["reason"]) == (404, OFF)
    assert swapper.asked == []


def test_only_posting_is_answered(client: TestClient) -> None:
    assert client.get(PATH).status_code == 405


@pytest.mark.parametrize(
    "message",
    [b"", b"{", b"\xff", b"[" * 100_000, [], "text", {}, {"event": {}, "repo": "lab/run"}, {"event": {}, "repo": {}}],
)
def test_what_is_no_message_is_refused(message: object, client: TestClient, swapper: Counting) -> None:
    response = post(client, message)
    assert (response.status_code, response.json()["reason"]) == (400, NO_MESSAGE)
    assert swapper.asked == []


def test_too_much_is_refused_before_it_is_read_whole(client: TestClient, swapper: Counting) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(8):
            sent += 1
            yield b" " * (MOST_BYTES // 2)

    response = client.post(PATH, content=endless(), headers={HEADER: SECRET})
    assert (response.status_code, response.json()["reason"]) == (413, TOO_LARGE)
    assert swapper.asked == []
    assert post(client, b" " * (MOST_BYTES + 1)).status_code == 413


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"event": {"action": "update", "scope": "discussion"}}, NO_CONTENT),
        ({"event": {"action": "create", "scope": "discussion.comment"}}, NO_CONTENT),
        ({"event": {"action": "delete", "scope": "repo"}}, NO_CONTENT),
        ({"event": {"action": "update", "scope": "repo.config"}}, NO_CONTENT),
        ({"event": {"action": ["update"], "scope": None}}, NO_CONTENT),
        ({"repo": {"type": "dataset", "name": "lab/run"}}, NO_MODEL),
        ({"repo": {"type": "model", "name": "lab/other"}}, NOT_OURS),
        ({"updatedRefs": [{"ref": "refs/pr/7"}]}, PULL_REQUEST),
    ],
)
def test_anything_else_is_ignored_with_the_reason(
    changes: dict[str, object], reason: str, client: TestClient, swapper: Counting
) -> None:
    response = post(client, {**MESSAGE, **changes})
    assert (response.status_code, response.json()) == (200, {"status": "ignored", "reason": reason})
    assert swapper.asked == []


@pytest.mark.parametrize("refs", [None, "main", [], [MAIN, {"ref": "refs/pr/7"}], [None], [{"ref": "refs/tags/v2"}]])
def test_a_change_that_may_be_of_a_branch_or_tag_counts(refs: object, client: TestClient, swapper: Counting) -> None:
    assert post(client, {**MESSAGE, "updatedRefs": refs}).status_code == 202
    assert len(swapper.asked) == 1


def test_where_nothing_can_begin_it_says_so(client: TestClient, swapper: Counting) -> None:
    swapper.closed = True
    response = post(client)
    assert (response.status_code, response.json()["status"]) == (503, "refused")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setattr(webhook, "GATHER_SECONDS", 0.2)
    (tmp_path / "hub" / "lab").mkdir(parents=True)
    with LoopbackHub(tmp_path / "hub") as hub:
        made = Lab(hub, tmp_path)
        made.write()
        yield made
        for swapper in made.swappers:
            swapper.close()


def test_a_burst_of_messages_swaps_a_real_checkpoint_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    # All ten have to come before it begins, on whatever machine.
    monkeypatch.setattr(webhook, "GATHER_SECONDS", 2.0)
    lab.publish(300)
    swapper = lab.start()
    lab.use()
    new = lab.publish(6000)
    client = TestClient(Starlette(routes=[webhook_route(swapper, SECRET)]))
    assert [post(client).status_code for _ in range(10)] == [202] * 10
    row = lab.row()
    assert (row.state, row.current, lab.current) == (State.SWITCHED, new, new)
    (decision,) = swapper.standing().decisions
    assert (decision.by, decision.action) == ("webhook", "switched")
    # The branch was asked for at the start, and once for all ten.
    assert sum(request.path == "/api/models/lab/run" for request in lab.hub.requests) == 2


def test_what_comes_while_a_candidate_is_judged_is_looked_at_afterwards(lab: Lab) -> None:
    lab.publish(300)
    swapper = lab.start()
    lab.use()
    lab.publish(800)
    client = TestClient(Starlette(routes=[webhook_route(swapper, SECRET)]))
    lab.hub.stall(on="/api/models/lab/run/revision")
    post(client)
    assert lab.hub.held.wait(PATIENCE)
    newest = lab.publish(6000)
    post(client)
    lab.hub.recover()
    assert lab.row().current == newest
    assert len(swapper.standing().decisions) == 2


@pytest.fixture
def launched(tmp_path: Path) -> Iterator[str]:
    """Serve the app as a free Space does, with a webhook, and return its address."""
    from microscope.ui.app import build  # noqa: PLC0415  (only this test needs Gradio)

    settings = Settings.from_environment(
        {
            "MICROSCOPE_DATA": str(tmp_path),
            "HF_HUB_OFFLINE": "1",
            "MICROSCOPE_PRESET": "cpu-basic",
            "SYSTEM": "spaces",
            "MICROSCOPE_WEBHOOK_SECRET": SECRET,
        }
    )
    app = build(replace(settings, host="127.0.0.1"))
    yield app.launch(block=False).rstrip("/")
    app.swapper.close()
    app.demo.close()


def test_the_app_has_it_beside_the_page(launched: str) -> None:
    url = f"{launched}{PATH}"
    assert httpx.post(url, json=MESSAGE).status_code == 401
    response = httpx.post(url, json=MESSAGE, headers={HEADER: SECRET})
    assert (response.status_code, response.json()["reason"]) == (200, NOT_OURS)
    assert SECRET not in httpx.get(launched).text
