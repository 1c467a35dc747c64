"""The owner of the whole app brings in a new checkpoint, in a real Chromium over a loopback Hub; a visitor sees none.

The checkpoints are the embedded ones, published one after another under one name.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from huggingface_hub import constants
from playwright.sync_api import Browser, Page, expect

from microscope.catalog.hub import hub_client
from microscope.settings import REPOSITORY, Settings
from microscope.ui import text
from microscope.ui.app import App, build
from microscope.ui.models import swap_words as words
from tests.hub.loopback_hub import LoopbackHub
from tests.hub.loopback_repos import Revision

pytestmark = pytest.mark.browser
REPO, KEY, LABEL = "lab/run", "ours", "Our run"
CATALOGUE = "models:\n  ours: {hub: lab/run, label: Our run, parameters: 1.4M, generation: {max_new_tokens: 8}}\n"
BESIDE = "  beside: {folder: beside, label: Beside it, generation: {max_new_tokens: 8}}\n"
PRESET = "presets:\n  cpu-basic: [ours]\n"
BOTH = "presets:\n  cpu-basic: [ours, beside]\n"
FORWARDED = {"X-Forwarded-For": "127.0.0.1"}
PATIENCE = 60_000


@dataclass(frozen=True)
class Place:
    """The app, its home and its Hub."""

    app: App
    hub: LoopbackHub
    home: Path

    def publish(self, step: int) -> tuple[str, str]:
        """Publish a checkpoint in the place of the one that is there; return both commits."""
        return publish(self.hub, self.home, step)


def publish(hub: LoopbackHub, home: Path, step: int) -> tuple[str, str]:
    """Publish an embedded checkpoint, and keep what was there as history."""
    folder, old = home / "hub" / REPO, ""
    if folder.exists():
        old = hub.commit(REPO)
        kept = home / "history" / old
        kept.parent.mkdir(exist_ok=True)
        hub.history[old] = Revision(REPO, folder.rename(kept), old)
    shutil.copytree(REPOSITORY / "assets" / "checkpoints" / f"scenes-step-{step}", folder)
    return old, hub.commit(REPO)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Serve the app as a laptop does, over a catalogue of one checkpoint of the Hub."""
    home = tmp_path_factory.mktemp("swap")
    (home / "hub" / "lab").mkdir(parents=True)
    (home / "models.yaml").write_text(CATALOGUE + PRESET)
    variables = {
        "MICROSCOPE_DATA": str(home / "data"),
        "MICROSCOPE_CATALOG": str(home / "models.yaml"),
        "MICROSCOPE_PRESET": "cpu-basic",
        "MICROSCOPE_SWAP_ITEMS": "60",
        "MICROSCOPE_LOG_LEVEL": "WARNING",
        "ACCELERATOR": "none",
    }
    with LoopbackHub(home / "hub") as hub, pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "HF_HUB_CACHE", str(home / "cache"))
        patch.setattr("microscope.engine.build.hub_client", lambda: hub_client(hub.url))
        publish(hub, home, 2000)
        app = build(Settings.from_environment(variables))
        app.launch(block=False)
        # As the first visitor does: until then there is no current one to hold another against.
        app.engine.answerer.fetcher.fetch(app.engine.answerer.spec_of(KEY))
        yield Place(app, hub, home)
        hub.recover()
        app.swapper.close()
        app.demo.close()


@pytest.fixture
def page(browser: Browser, place: Place) -> Iterator[Page]:
    """Open the page as who sits at the machine."""
    opened = browser.new_page(viewport={"width": 1280, "height": 1000})
    opened.set_default_timeout(PATIENCE)
    opened.goto(place.app.demo.local_url)
    yield opened
    opened.close()


def look(page: Page, ending: str) -> None:
    """Look for new checkpoints, and wait until it has ended so."""
    page.get_by_role("button", name=words.LOOK).click()
    said(page, ending)


def said(page: Page, sentence: str) -> None:
    """Wait until the line that is read out says so."""
    expect(page.locator("#swap-said [role=status]")).to_contain_text(sentence, timeout=PATIENCE)


def row(page: Page, key: str = KEY) -> object:
    """Return what is shown of a checkpoint."""
    return page.locator(f'.vm-swap[data-key="{key}"]')


def answers_from(place: Place) -> str | None:
    spec = place.app.engine.catalog.get(KEY)
    assert spec is not None
    return spec.revision


def test_what_is_worse_is_kept_out_until_the_owner_says_so_and_can_be_taken_back(page: Page, place: Place) -> None:
    old, new = place.publish(100)
    page.get_by_role("tab", name=text.MODELS).click()
    place.hub.pause(after=100_000)
    page.get_by_role("button", name=words.LOOK).click()
    said(page, f"Fetching {LABEL}.")
    place.hub.recover()
    said(page, "Reloaded: 1 kept as it was.")
    expect(row(page)).to_have_attribute("data-state", "kept")
    assert row(page).locator("code").evaluate_all("codes => codes.map((one) => one.title)") == [old, new]
    expect(row(page)).to_contain_text("60 questions about")
    expect(row(page)).to_contain_text("worse")
    row(page).get_by_role("button", name=words.SWITCH).click()
    said(page, "answers now by the word of owner")
    expect(row(page)).to_have_attribute("data-state", "switched")
    assert answers_from(place) == new
    row(page).get_by_role("button", name=words.UNDO).click()
    said(page, "answers again")
    assert answers_from(place) == old
    page.get_by_text(words.RECORD).click()
    made = page.locator(".vm-decisions li")
    expect(made).to_have_count(3)
    assert made.evaluate_all("all => all.map((one) => one.dataset.action)") == ["undone", "switched", "kept"]
    expect(made.first).to_contain_text(f"{LABEL}, {words.OWNER}")


def test_what_is_no_worse_takes_over_and_what_is_new_can_be_chosen_at_once(page: Page, place: Place) -> None:
    _, new = place.publish(6000)
    shutil.copytree(REPOSITORY / "assets" / "checkpoints" / "scenes-step-800", place.home / "beside")
    (place.home / "models.yaml").write_text(CATALOGUE + BESIDE + BOTH)
    page.get_by_role("tab", name=text.MODELS).click()
    look(page, "Reloaded: 1 switched, 1 new.")
    assert answers_from(place) == new
    page.get_by_role("tab", name=text.COMPARE).click()
    expect(page.get_by_role("checkbox", name="Beside it", exact=True)).to_be_visible()
    (place.home / "models.yaml").write_text(CATALOGUE + PRESET)
    page.get_by_role("tab", name=text.MODELS).click()
    look(page, "1 gone")
    expect(row(page, "beside")).to_have_attribute("data-state", "gone")
    page.get_by_role("tab", name=text.COMPARE).click()
    expect(page.get_by_role("checkbox", name="Beside it", exact=True)).to_have_count(0)


def test_a_visitor_sees_nothing_of_it_and_is_refused(browser: Browser, place: Place) -> None:
    context = browser.new_context(extra_http_headers=FORWARDED)
    page = context.new_page()
    page.goto(place.app.demo.local_url)
    page.get_by_role("tab", name=text.MODELS).click()
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_text(text.REFRESH)).to_be_visible()
    expect(page.get_by_text(words.HEADING)).to_have_count(0)
    assert words.RECORD not in page.content()
    context.close()
    before = place.app.swapper.standing()
    for name, sent in (("reload", None), ("switch", {"key": KEY}), ("undo", {"key": KEY})):
        (number,) = [number for number, fn in place.app.demo.fns.items() if fn.name == name]
        call = {"fn_index": number, "data": [], "event_data": sent, "session_hash": "stranger"}
        address = f"{place.app.demo.local_url}gradio_api/run/predict"
        assert httpx.post(address, json=call, headers=FORWARDED).json()["error"] == text.NOT_OWNER
    assert place.app.swapper.standing() == before


def test_a_hub_that_is_away_changes_nothing_and_says_so(page: Page, place: Place) -> None:
    before = place.app.engine.catalog
    place.hub.fail(503)
    page.get_by_role("tab", name=text.MODELS).click()
    look(page, "Nothing was changed. The Hub has trouble of its own (HTTP 503)")
    expect(page.locator(".vm-failed")).to_be_visible()
    assert place.app.engine.catalog == before
    place.hub.recover()
