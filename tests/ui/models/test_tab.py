"""The tab as owner and stranger use it: in a real Chromium, and over HTTP, with the sign-in of a Space."""

from __future__ import annotations

import json
from collections.abc import Iterator

import gradio as gr
import httpx
import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, expect

from microscope.settings import Settings
from microscope.ui import text
from microscope.ui.models.events import Handlers, Source, wire
from microscope.ui.models.layout import REFRESH_SECONDS, build
from microscope.ui.owner import is_owner
from microscope.ui.theme import CSS, theme
from tests.ui.models.samples import CHOICES, NOW, ROWS, FakeEngine
from tests.ui.signing_in import SIGN_INS, SPACE, cookie, event, post, pretend_to_be_a_space
from tests.ui.test_page import axe_source

LAPTOP = Settings.from_environment({})
OTHER = "Other"


def page_of(engine: FakeEngine, settings: Settings, *, movable: bool = True) -> gr.Blocks:
    """Return a page with another tab first, over a fake engine and the real owner."""
    source = engine.source()
    real = Source(
        source.overview,
        source.load,
        source.unload,
        source.pin,
        lambda request, profile: engine.owner and is_owner(request, profile, settings),
    )
    with gr.Blocks(title=text.TITLE, analytics_enabled=False) as demo:
        gr.HTML(f"<h1>{text.TITLE}</h1>")
        with gr.Tabs():
            with gr.Tab(OTHER) as other:
                gr.Textbox(label=OTHER)
            with gr.Tab(text.MODELS) as here:
                tab = build(CHOICES, movable=movable, signs_in=settings.oauth)
        wire(demo, tab, here, [other], Handlers(real, signs_in=settings.oauth, clock=lambda: NOW))
    return demo.queue(api_open=False)


@pytest.fixture(scope="module")
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture(scope="module")
def served(engine: FakeEngine) -> Iterator[gr.Blocks]:
    """Serve the page as a laptop does."""
    demo = page_of(engine, LAPTOP)
    demo.launch(prevent_thread_lock=True, quiet=True, theme=theme(), css_paths=[CSS])
    yield demo
    demo.close()


@pytest.fixture
def page(browser: Browser, served: gr.Blocks, engine: FakeEngine) -> Iterator[Page]:
    """Open the page, on the other tab."""
    engine.asked.clear()
    engine.owner = True
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.goto(served.local_url)
    opened.get_by_role("tab", name=text.MODELS).wait_for()
    yield opened
    opened.close()


def open_models(page: Page) -> None:
    page.get_by_role("tab", name=text.MODELS).click()
    expect(page.get_by_role("row")).to_have_count(len(ROWS) + 1)


@pytest.mark.parametrize("name", ["load", "unload", "pin", "unpin"])
def test_a_strangers_post_gets_the_sentence(served: gr.Blocks, engine: FakeEngine, name: str) -> None:
    engine.asked.clear()
    with httpx.Client(base_url=served.local_url) as client:
        refused = post(client, served, name, ["small"], **{"X-Forwarded-For": "127.0.0.1"})
        assert (refused.status_code, refused.json()["error"]) == (500, text.NOT_OWNER)
        assert engine.asked == []
        allowed = post(client, served, name, ["small"])
    assert allowed.status_code == 200
    assert len(engine.asked) == 1


def test_a_stranger_is_refused_in_the_queue_as_well(served: gr.Blocks, engine: FakeEngine) -> None:
    engine.asked.clear()
    call = {"fn_index": event(served, "load"), "data": ["small"], "session_hash": "queued"}
    with httpx.Client(base_url=served.local_url, headers={"X-Forwarded-For": "127.0.0.1"}) as client:
        client.post("/gradio_api/queue/join", json=call).raise_for_status()
        with client.stream("GET", "/gradio_api/queue/data?session_hash=queued") as told:
            last = next(line for line in told.iter_lines() if '"process_completed"' in line)
    assert json.loads(last.removeprefix("data: "))["output"]["error"] == text.NOT_OWNER
    assert engine.asked == []


def test_a_checkpoint_that_is_not_offered_cannot_be_named(served: gr.Blocks, engine: FakeEngine) -> None:
    engine.asked.clear()
    with httpx.Client(base_url=served.local_url) as client:
        assert post(client, served, "load", ["../../etc/passwd"]).status_code != 200
    assert engine.asked == []


@SIGN_INS
def test_on_a_space_the_signed_in_owner_acts(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    user: str,
    secret: str,
    owns: bool,  # noqa: FBT001
) -> None:
    pretend_to_be_a_space(monkeypatch)
    engine = FakeEngine()
    demo = page_of(engine, SPACE)
    with TestClient(gr.routes.App.create_app(demo), base_url="https://me-vlm.hf.space") as client:
        client.cookies.set("session", cookie(name, user, secret))
        greeted = post(client, demo, "greet", [])
        acted = post(client, demo, "load", ["small"])
    owner, sign_in = greeted.json()["data"]
    assert owner["visible"] is owns
    assert sign_in["value"] == (text.SIGN_OUT.format(name) if secret else text.SIGN_IN)
    assert (acted.status_code == 200) is owns
    assert engine.asked == ([("load", "small")] if owns else [])


@pytest.mark.browser
def test_the_tab_is_drawn_only_while_it_is_open(page: Page, served: gr.Blocks) -> None:
    page.clock.install()
    page.goto(served.local_url)
    open_models(page)
    with page.expect_response(lambda response: response.request.method == "POST"):
        page.clock.run_for(REFRESH_SECONDS * 1000)
    with page.expect_response(lambda response: response.request.method == "POST"):
        page.get_by_role("tab", name=OTHER).click()
    page.wait_for_load_state("networkidle")
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    page.clock.run_for(10 * REFRESH_SECONDS * 1000)
    page.get_by_label(OTHER, exact=True).fill("Whatever the clock began was sent before this.")
    assert posts == []


@pytest.mark.browser
def test_the_owner_loads_by_keyboard_and_hears_what_came_of_it(page: Page, engine: FakeEngine) -> None:
    open_models(page)
    line = page.get_by_role("status").and_(page.locator("p"))
    expect(line).to_have_text("")
    chosen = page.get_by_role("combobox", name=text.MODEL).or_(page.get_by_label(text.MODEL, exact=True)).first
    chosen.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    passed = []
    for name in (text.LOAD, text.UNLOAD, text.PIN, text.UNPIN):
        page.keyboard.press("Tab")
        passed.append(page.evaluate("document.activeElement.textContent.trim()"))
        assert passed[-1] == name
        page.keyboard.press("Enter")
        expect(line).to_contain_text(
            {text.LOAD: "is loaded", text.UNLOAD: "in use", text.PIN: "stays"}.get(name, "go")
        )
    assert [one[0] for one in engine.asked] == ["load", "unload", "pin", "pin"]
    assert len({one[1] for one in engine.asked}) == 1


@pytest.mark.browser
def test_a_visitor_sees_the_table_and_no_buttons(page: Page, engine: FakeEngine, served: gr.Blocks) -> None:
    engine.owner = False
    page.goto(served.local_url)
    open_models(page)
    page.get_by_role("button", name=text.REFRESH).click()
    expect(page.get_by_text(text.EVENTS)).to_be_visible()
    expect(page.get_by_role("button", name=text.LOAD, exact=True)).to_have_count(0)
    expect(page.get_by_text(text.OWNER, exact=True)).to_have_count(0)


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("look", ["light", "dark"])
def test_every_place_is_accessible_and_nothing_scrolls_sideways(
    browser: Browser, served: gr.Blocks, engine: FakeEngine, width: int, look: str
) -> None:
    engine.owner = True
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(f"{served.local_url}?__theme={look}")
    open_models(page)
    page.get_by_text(text.PLACES_HEADING).click()
    expect(page.get_by_role("button", name=text.UNPIN)).to_be_visible()
    expect(page.get_by_role("rowheader")).to_have_count(len(ROWS))
    page.add_style_tag(content="* { transition: none !important; animation: none !important; }")
    page.evaluate(axe_source())
    found = page.evaluate("axe.run()")["violations"]
    assert [one["id"] for one in found if one["impact"] in ("moderate", "serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
