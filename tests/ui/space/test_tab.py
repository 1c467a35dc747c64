"""Banner and tab as owner and visitor see them: in a real Chromium, and over HTTP, with the sign-in of a Space."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
import httpx
import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, expect

from microscope.settings import Settings
from microscope.space.checklist import BEGIN
from microscope.space.facts import Offered
from microscope.space.sleeping import Sleep
from microscope.ui import text
from microscope.ui.app import App
from microscope.ui.owner import is_owner
from microscope.ui.space import words
from microscope.ui.space.layout import STYLE
from microscope.ui.theme import CSS, theme
from tests.space.test_checklist import facts_on
from tests.ui.signing_in import SIGN_INS, SPACE, cookie, post, pretend_to_be_a_space
from tests.ui.space.samples import FRESH, FakeSpace, page_of
from tests.ui.test_page import axe_source

# Something in every group, and something that does not work.
MUCH = facts_on(
    "t4-small",
    oauth=False,
    asked="zero-a10g",
    difference="It is t4-small.",
    offered=Offered("", (), 0, gated=("org/x",)),
)
COMMANDS = (
    "hf buckets create ada/microscope-data --private --exist-ok\n"
    "hf spaces volumes set ada/microscope -v hf://buckets/ada/microscope-data:/data\n"
    "hf spaces variables add ada/microscope -e MICROSCOPE_DATA=/data"
)


@pytest.fixture(scope="module")
def space() -> FakeSpace:
    return FakeSpace()


@pytest.fixture(scope="module")
def served(space: FakeSpace) -> Iterator[gr.Blocks]:
    demo = page_of(space)
    demo.launch(prevent_thread_lock=True, quiet=True, theme=theme(), css_paths=[CSS, STYLE])
    yield demo
    demo.close()


@pytest.fixture
def page(browser: Browser, served: gr.Blocks, space: FakeSpace) -> Iterator[Page]:
    """Open the page of a fresh duplicate as its owner."""
    space.facts, space.sleep, space.owner = FRESH, Sleep(172_800), True
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    troubles: list[str] = []
    opened.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    opened.goto(served.local_url)
    opened.get_by_role("tab").first.wait_for()
    yield opened
    context.close()
    assert troubles == []


def open_setup(page: Page) -> None:
    page.get_by_role("tab", name=words.TAB).click()
    expect(page.get_by_role("heading", name=words.COST)).to_be_visible()


@pytest.mark.browser
def test_the_owners_page_begins_with_what_is_missing(page: Page) -> None:
    banner = page.locator("#setup-banner")
    expect(banner.get_by_text(words.begin(1))).to_be_visible()
    expect(banner).to_contain_text(BEGIN)
    expect(banner.locator("pre")).to_have_text(COMMANDS)


@pytest.mark.browser
def test_a_visitor_sees_neither_banner_nor_tab(page: Page, served: gr.Blocks, space: FakeSpace) -> None:
    space.owner = False
    with page.expect_response(lambda response: response.request.method == "POST"):
        page.goto(served.local_url)
    expect(page.get_by_role("tab")).to_have_text(["Other"])
    expect(page.get_by_text(words.begin(1))).to_have_count(0)
    assert "hf spaces" not in page.content()


@pytest.mark.browser
@pytest.mark.parametrize("clipboard", [True, False], ids=["clipboard", "no clipboard"])
def test_a_press_copies_the_text_and_says_so(page: Page, served: gr.Blocks, clipboard: bool) -> None:  # noqa: FBT001
    if not clipboard:
        # As in a frame that is not let at it: the text is selected, and copied the old way.
        page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error('no'))")
        page.goto(served.local_url)
    banner = page.locator("#setup-banner")
    button = banner.get_by_role("button", name="Copy the text for Storage")
    button.focus()
    page.keyboard.press("Enter")
    expect(banner.locator("[role=status]")).to_have_text(words.COPIED)
    assert page.evaluate("navigator.clipboard.readText()") == COMMANDS
    expect(button).to_have_text(words.COPY)


@pytest.mark.browser
def test_a_folded_banner_stays_so_until_something_else_is_to_do(
    page: Page, served: gr.Blocks, space: FakeSpace
) -> None:
    page.get_by_text(words.begin(1)).click()
    expect(page.locator("#setup-banner pre")).to_be_hidden()
    page.goto(served.local_url)
    expect(page.get_by_text(words.begin(1))).to_be_visible()
    expect(page.locator("#setup-banner pre")).to_be_hidden()
    space.facts = MUCH
    page.goto(served.local_url)
    expect(page.locator("#setup-banner pre").first).to_be_visible()


@pytest.mark.browser
def test_the_tab_has_the_list_and_the_costs_and_is_drawn_anew_on_request(page: Page, space: FakeSpace) -> None:
    open_setup(page)
    tab = page.get_by_role("tabpanel")
    expect(tab.get_by_role("heading", level=3)).to_have_text([*(name for name, _ in words.GROUPS), words.COST])
    expect(tab.get_by_role("row", name="without an account")).to_contain_text("46")
    expect(tab.get_by_role("link", name=words.SETTINGS_PAGE)).to_have_attribute("href", FRESH.settings_page)
    space.facts = facts_on("t4-small")
    tab.get_by_role("button", name=words.REFRESH).click()
    expect(tab).to_contain_text("$0.40 an hour")


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("look", ["light", "dark"])
def test_it_is_accessible_and_nothing_scrolls_sideways(
    browser: Browser, served: gr.Blocks, space: FakeSpace, width: int, look: str
) -> None:
    space.facts, space.sleep, space.owner = MUCH, Sleep(), True
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(f"{served.local_url}?__theme={look}")
    open_setup(page)
    expect(page.locator("#setup-list").get_by_text(words.FAILED).first).to_be_visible()
    page.add_style_tag(content="* { transition: none !important; animation: none !important; }")
    page.evaluate(axe_source())
    found = page.evaluate("axe.run()")["violations"]
    assert [one["id"] for one in found if one["impact"] in ("moderate", "serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_a_stranger_who_posts_what_the_tab_would_gets_the_sentence(served: gr.Blocks, space: FakeSpace) -> None:
    space.owner = False
    with httpx.Client(base_url=served.local_url) as client:
        refused = post(client, served, "draw_setup", [])
        shown = post(client, served, "show_setup", [])
    assert (refused.status_code, refused.json()["error"]) == (500, text.NOT_OWNER)
    assert "ada" not in shown.text


@SIGN_INS
def test_on_a_space_only_the_signed_in_owner_is_told_anything(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    user: str,
    secret: str,
    owns: bool,  # noqa: FBT001
) -> None:
    pretend_to_be_a_space(monkeypatch)
    space = FakeSpace()
    demo = page_of(space, lambda request, profile: is_owner(request, profile, SPACE))
    with TestClient(gr.routes.App.create_app(demo), base_url="https://me-vlm.hf.space") as client:
        client.cookies.set("session", cookie(name, user, secret))
        tab, banner = post(client, demo, "show_setup", []).json()["data"]
        drawn = post(client, demo, "draw_setup", [])
    assert (tab["visible"], banner["visible"], drawn.status_code == 200) == (owns, owns, owns)
    assert bool(banner["value"]) is owns
    assert ("ada" in drawn.text) is owns


def test_nobody_from_elsewhere_is_told_what_this_machine_is_given(app: App, url: str, settings: Settings) -> None:
    def posted(name: str, **headers: str) -> Any:
        with httpx.Client(base_url=url) as client:
            return post(client, app.demo, name, [], **headers)

    forwarded = {"X-Forwarded-For": "127.0.0.1"}
    assert posted("draw_setup", **forwarded).json()["error"] == text.NOT_OWNER
    assert posted("show_setup", **forwarded).json()["data"][0]["visible"] is False
    assert str(settings.data) in posted("draw_setup").text
    assert posted("show_setup").json()["data"][0]["visible"] is True
