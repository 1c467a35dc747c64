"""The health route: what it tells and to whom, alone and in the app as it is launched."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

import microscope.engine  # noqa: F401  (repairs torchvision before the tests import transformers)
from microscope import __version__
from microscope.catalog.build import build_catalog
from microscope.engine.build import Engine, build_engine
from microscope.hardware import detect
from microscope.serve.health import (
    FAILING,
    NOTHING_OFFERED,
    OK,
    PATH,
    STARTING,
    HealthFacts,
    deployed_digest,
    engine_facts,
    health_route,
)
from microscope.settings import REPOSITORY, Settings
from microscope.space.payload import MANIFEST, read_payload

FACTS = HealthFacts(OK, "1.2.3", "abc", "t4-small", "cuda", 5.0, ("one", "two"), 3)


def client(facts: HealthFacts) -> TestClient:
    return TestClient(Starlette(routes=[health_route(lambda: facts)]))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of a free Space."""
    return Settings.from_environment(
        {
            "MICROSCOPE_DATA": str(tmp_path),
            "HF_HUB_OFFLINE": "1",
            "HF_TOKEN": "hf_this_is_secret",
            "ACCELERATOR": "none",
            "MEMORY": "16Gi",
            "MICROSCOPE_PRESET": "cpu-basic",
            "SYSTEM": "spaces",
            "SPACE_ID": "owner/name",
        }
    )


@pytest.fixture
def engine(settings: Settings) -> Engine:
    """Return an engine that has loaded nothing."""
    machine = detect(settings.platform)
    return build_engine(settings, machine, build_catalog(settings, machine))


def test_it_tells_its_facts_and_is_never_kept_by_a_cache() -> None:
    response = client(FACTS).get(PATH)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "status": "ok",
        "version": "1.2.3",
        "digest": "abc",
        "tier": "t4-small",
        "kind": "cuda",
        "uptime_seconds": 5.0,
        "checkpoints": ["one", "two"],
        "queue": 3,
    }


def test_head_has_the_status_and_no_body() -> None:
    assert client(FACTS).head(PATH).status_code == 200
    failing = client(replace(FACTS, status=FAILING, reason="It is broken.")).head(PATH)
    assert (failing.status_code, failing.content) == (503, b"")


def test_it_takes_nothing() -> None:
    assert client(FACTS).post(PATH).status_code == 405


@pytest.mark.parametrize("status", [STARTING, FAILING])
def test_what_cannot_answer_says_so_with_the_reason(status: str) -> None:
    response = client(replace(FACTS, status=status, reason="It is broken.")).get(PATH)
    assert response.status_code == 503
    assert (response.json()["status"], response.json()["reason"]) == (status, "It is broken.")


def test_a_bug_in_the_facts_is_an_answer_without_a_traceback() -> None:
    def broken() -> HealthFacts:
        raise KeyError("/home/user/secret")

    response = TestClient(Starlette(routes=[health_route(broken)])).get(PATH)
    assert response.status_code == 503
    assert response.json()["status"] == FAILING
    assert "secret" not in response.text


def test_an_engine_is_starting_until_it_is_ready_and_then_tells_what_it_offers(engine: Engine) -> None:
    ready = threading.Event()
    facts = engine_facts(engine, REPOSITORY, ready.is_set, lambda: 7)
    assert facts().status == STARTING
    ready.set()
    told = facts()
    assert (told.status, told.version, told.digest, told.tier, told.kind) == (
        OK,
        __version__,
        None,
        "cpu-basic",
        "cpu",
    )
    assert told.checkpoints[-1] == "scenes-step-6000"
    assert (told.queue, told.reason) == (7, "")
    assert told.uptime_seconds >= 0


def test_an_engine_that_offers_nothing_cannot_answer(engine: Engine) -> None:
    bare = engine.offering(replace(engine.catalog, specs=()))
    told = engine_facts(bare, REPOSITORY, lambda: True)()
    assert (told.status, told.reason, told.queue) == (FAILING, NOTHING_OFFERED, None)


def test_what_was_deployed_is_told_from_its_manifest(tmp_path: Path) -> None:
    assert deployed_digest(tmp_path) is None
    (tmp_path / "assets").mkdir()
    (tmp_path / MANIFEST).write_text("[]")
    assert deployed_digest(tmp_path) is None
    payload = read_payload(REPOSITORY, "1.2.3")
    (tmp_path / MANIFEST).write_bytes(payload.manifest)
    assert deployed_digest(tmp_path) == payload.digest


@pytest.fixture
def launched(settings: Settings) -> Iterator[str]:
    """Serve the app as a free Space does, and return its address."""
    from microscope.ui.app import build  # noqa: PLC0415  (only this test needs Gradio)

    app = build(replace(settings, host="127.0.0.1"))
    yield app.launch(block=False).rstrip("/")
    app.demo.close()


def test_a_space_serves_it_beside_the_page_and_the_page_shows_the_version(launched: str) -> None:
    response = httpx.get(f"{launched}{PATH}")
    assert response.status_code == 200
    told = response.json()
    assert (told["status"], told["version"], told["tier"], told["queue"]) == ("ok", __version__, "cpu-basic", 0)
    assert "secret" not in response.text
    assert str(REPOSITORY) not in response.text
    assert httpx.head(f"{launched}{PATH}").status_code == 200
    page = httpx.get(launched).text
    assert f"VLM Microscope {__version__}." in page
    assert f'name=\\"microscope-version\\" content=\\"{__version__}\\"' in page
    # Whoever reaches a Space's page must not read what its owner tracks.
    assert httpx.get(f"{launched}/trackio/").status_code == 404
