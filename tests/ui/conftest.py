"""The running app and a real browser, shared by the page's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import microscope.engine  # noqa: F401  (repairs torchvision before the tests import transformers)
from microscope.settings import REPOSITORY, Settings

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DIGIT = REPOSITORY / "assets" / "examples" / "colour.png"


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return the settings of a laptop without a GPU and without a network."""
    data = str(tmp_path_factory.mktemp("data"))
    return Settings.from_environment(
        {"MICROSCOPE_DATA": data, "HF_HUB_OFFLINE": "1", "ACCELERATOR": "none", "MICROSCOPE_LOG_LEVEL": "WARNING"}
    )


@pytest.fixture(scope="session")
def app(settings: Settings) -> Iterator[object]:
    """Serve the app once for all tests of the page."""
    from microscope.ui.app import build

    built = build(settings)
    built.launch(block=False)
    yield built
    built.demo.close()


@pytest.fixture(scope="session")
def url(app: object) -> str:
    """Return the app's address."""
    return app.demo.local_url


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[object]:
    """Start one real Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: object, url: str) -> Iterator[object]:
    """Open the page at a desktop's width; a console error or a request to another host fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, accept_downloads=True)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    troubles: list[str] = []
    opened.on("console", lambda message: troubles.append(message.text) if _trouble(message) else None)
    opened.on("request", lambda request: None if _ours(request.url, url) else troubles.append(request.url))
    opened.goto(url)
    opened.get_by_role("button", name="Run", exact=True).wait_for()
    yield opened
    context.close()
    assert troubles == []


def _trouble(message: object) -> bool:
    """Tell whether a console message is an error; a refused input is answered by status 422, which is none."""
    return message.type == "error" and "status of 422" not in message.text


def _ours(address: str, url: str) -> bool:
    return address.startswith((url.rstrip("/"), "data:", "blob:"))


@pytest.fixture(scope="session")
def digit() -> Path:
    """Return an image of a scene with a held-out handwritten digit."""
    return DIGIT
