"""The owner's part for new checkpoints: its handlers, its events, and how it is used in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html import escape
from typing import Any

import gradio as gr
import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from microscope.errors import UserError
from microscope.serve.hotswap.words import STAGING
from microscope.settings import Settings
from microscope.ui import text
from microscope.ui.models import swap_words as words
from microscope.ui.models.swap_view import record, rows, said
from microscope.ui.models.swapping import Handlers, build, wire
from microscope.ui.owner import is_owner
from microscope.ui.theme import CSS, theme
from tests.ui.models.swaps import DONE, EVALUATING, FAILED, FETCHING, FRESH, FakeSwaps
from tests.ui.models.test_events import profile
from tests.ui.signing_in import event, post
from tests.ui.test_page import axe_source

LAPTOP = Settings.from_environment({})
NOBODY = (gr.Request(), None)
OTHER = "Other"
SOME_TICKS = 2500
FORWARDED = {"X-Forwarded-For": "127.0.0.1"}
SHOWN = [gr.update(visible=True), gr.update(active=True), gr.update(interactive=False)]


def handlers(swaps: FakeSwaps) -> Handlers:
    return Handlers(swaps, swaps.is_owner)


def pressed(key: str) -> gr.EventData:
    """Return what a press of a row's button sends."""
    return gr.EventData(None, {"key": key})


def test_the_owner_sees_where_everything_stands() -> None:
    assert handlers(FakeSwaps()).standing(*NOBODY) == [*SHOWN, said(DONE), rows(DONE), record(DONE)]


def test_a_visitor_is_told_nothing_and_asks_no_more() -> None:
    told = handlers(FakeSwaps(owner=False)).standing(*NOBODY)
    assert told == [gr.update(visible=False), gr.update(active=False), gr.update(interactive=False), "", "", ""]


def test_another_tab_ends_the_drawing() -> None:
    assert handlers(FakeSwaps()).leave() == gr.update(active=False)


def test_each_button_asks_for_its_own_in_the_owners_name() -> None:
    swaps = FakeSwaps()
    assert handlers(swaps).reload(*NOBODY)[1:] == handlers(swaps).standing(*NOBODY)
    handlers(swaps).switch(pressed("medium"), gr.Request(), profile("ana"))
    handlers(swaps).undo(pressed("small"), gr.Request(), profile("ana"))
    handlers(swaps).stop(*NOBODY)
    asked = [("reload", words.OWNER), ("switch", "medium", "ana"), ("undo", "small", "ana"), ("stop",)]
    assert swaps.asked == asked


def test_stop_can_be_pressed_while_something_is_at_work() -> None:
    assert handlers(FakeSwaps(FETCHING)).standing(*NOBODY)[2] == gr.update(interactive=True)


def test_a_refusal_is_said_and_stays_until_the_next_press() -> None:
    swaps = FakeSwaps()
    refused, *drawn = handlers(swaps).undo(pressed("small"), *NOBODY)
    assert "taken back for &lt;small&gt;." in refused
    assert drawn == handlers(swaps).standing(*NOBODY)
    assert "taken back" not in handlers(swaps).reload(*NOBODY)[0]


@pytest.mark.parametrize("name", ["reload", "stop", "switch", "undo"])
def test_a_stranger_gets_the_sentence_and_nothing_happens(name: str) -> None:
    swaps = FakeSwaps(owner=False)
    given = () if name in ("reload", "stop") else (pressed("medium"),)
    with pytest.raises(UserError, match=r"^Only the owner may do this"):
        getattr(handlers(swaps), name)(*given, *NOBODY)
    assert swaps.asked == []


def page_of(swaps: FakeSwaps, *, staging: bool = False) -> gr.Blocks:
    """Return a page with another tab first, over the stand-in and the real owner."""
    with gr.Blocks(title=text.TITLE, analytics_enabled=False) as demo:
        gr.HTML(f"<h1>{text.TITLE}</h1><h2>{text.MODELS}</h2>")
        with gr.Tabs():
            with gr.Tab(OTHER) as other:
                gr.Textbox(label=OTHER)
            with gr.Tab(text.MODELS) as here:
                tab = build(staging=staging)

        def owns(request: gr.Request, who: gr.OAuthProfile | None) -> bool:
            return swaps.owner and is_owner(request, who, LAPTOP)

        wire(tab, here, [other], Handlers(swaps, owns))
    return demo.queue(api_open=False)


@pytest.mark.parametrize("staging", [True, False])
def test_it_is_hidden_and_empty_as_it_is_drawn(staging: bool) -> None:  # noqa: FBT001
    demo = page_of(FakeSwaps(), staging=staging)
    (part,) = [block for block in demo.blocks.values() if getattr(block, "elem_id", None) == "swaps"]
    assert part.visible is False
    pages = "".join(block.value for block in demo.blocks.values() if isinstance(block, gr.HTML))
    assert "VLM</h4>" not in pages
    assert (escape(STAGING) in pages) is staging
    assert (escape(words.HINT) in pages) is not staging


def test_every_event_is_private_and_waits_in_no_queue() -> None:
    demo = page_of(FakeSwaps())
    assert {(fn.api_visibility, fn.queue) for fn in demo.fns.values()} == {("private", False)}
    assert [fn.name for fn in demo.fns.values() if fn.fn is not None] == [
        "standing",
        "leave",
        "reload",
        "stop",
        "switch",
        "undo",
    ]


@pytest.fixture(scope="module")
def swaps() -> FakeSwaps:
    return FakeSwaps()


@pytest.fixture(scope="module")
def served(swaps: FakeSwaps) -> Iterator[gr.Blocks]:
    """Serve the page as a laptop does."""
    demo = page_of(swaps)
    demo.launch(prevent_thread_lock=True, quiet=True, theme=theme(), css_paths=[CSS])
    yield demo
    demo.close()


@pytest.mark.parametrize(
    ("name", "data"), [("reload", None), ("stop", None), ("switch", {"key": "medium"}), ("undo", {"key": "small"})]
)
def test_a_strangers_post_gets_the_sentence(
    served: gr.Blocks, swaps: FakeSwaps, name: str, data: dict[str, str] | None
) -> None:
    swaps.asked.clear()
    call: dict[str, Any] = {
        "fn_index": event(served, name),
        "data": [],
        "event_data": data,
        "session_hash": "stranger",
    }
    with httpx.Client(base_url=served.local_url) as client:
        refused = client.post("/gradio_api/run/predict", json=call, headers=FORWARDED)
        assert (refused.status_code, refused.json()["error"]) == (500, text.NOT_OWNER)
        assert swaps.asked == []
        assert client.post("/gradio_api/run/predict", json=call).status_code == 200
    assert [one[0] for one in swaps.asked] == [name]


def test_a_stranger_who_asks_where_things_stand_is_told_nothing(served: gr.Blocks) -> None:
    with httpx.Client(base_url=served.local_url) as client:
        told = post(client, served, "standing", [], **FORWARDED)
        assert told.status_code == 200
        assert "VLM" not in told.text
        assert "VLM" in post(client, served, "standing", []).text


@pytest.fixture
def page(browser: Browser, served: gr.Blocks, swaps: FakeSwaps) -> Iterator[Page]:
    """Open the page on the tab, as the owner, before anything was looked for."""
    swaps.asked.clear()
    swaps.seen, swaps.after_switch, swaps.owner = FRESH, None, True
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.goto(served.local_url)
    opened.get_by_role("tab", name=text.MODELS).click()
    yield opened
    opened.close()


@pytest.mark.browser
def test_the_owner_follows_a_reload_and_decides_by_keyboard(page: Page, swaps: FakeSwaps) -> None:
    line = page.locator("#swap-said [role=status]")
    expect(line).to_have_text(words.NEVER)
    swaps.seen = FETCHING
    page.get_by_role("button", name=words.LOOK).click()
    expect(line).to_have_text("Fetching Small VLM.")
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuetext", "12.3 MB of 45.0 MB")
    stop = page.get_by_role("button", name=text.STOP)
    stop.click()
    # What comes next is seen without a press.
    swaps.seen = EVALUATING
    expect(line).to_have_text("Evaluating Small VLM against what answers now.")
    swaps.seen = DONE
    expect(line).to_have_text(DONE.sentence)
    expect(page.get_by_role("progressbar")).to_have_count(0)
    expect(stop).to_be_disabled()
    switch = page.get_by_role("button", name=f"{words.SWITCH}: Medium VLM")
    # Were it busy before the press, the rows might be drawn anew without the button.
    swaps.after_switch = replace(DONE, busy=True, sentence="Switches medium.")
    switch.focus()
    page.keyboard.press("Enter")
    expect(line).to_have_text("Switches medium.")
    expect(switch).to_have_count(0)
    expect(page.get_by_role("button", name=words.LOOK)).to_be_focused()
    swaps.seen = DONE
    page.get_by_role("button", name=f"{words.UNDO}: Small VLM").click()
    expect(page.get_by_text("Nothing was switched that could be taken back for <small>.")).to_be_visible()
    assert swaps.asked == [("reload", "owner"), ("stop",), ("switch", "medium", "owner"), ("undo", "small", "owner")]


@pytest.mark.browser
def test_it_is_drawn_only_while_its_tab_is_open(page: Page, swaps: FakeSwaps) -> None:
    expect(page.get_by_role("button", name=words.LOOK)).to_be_visible()
    # It is drawn anew by itself.
    swaps.seen = DONE
    expect(page.locator("#swap-said [role=status]")).to_have_text(DONE.sentence)
    page.get_by_role("tab", name=OTHER).click()
    expect(page.get_by_role("button", name=words.LOOK)).not_to_be_visible()
    # What was asked for before the tab closed, and the word to ask no more, arrive.
    page.wait_for_timeout(SOME_TICKS)
    looks = swaps.looks
    page.wait_for_timeout(SOME_TICKS)
    assert swaps.looks == looks
    page.get_by_role("tab", name=text.MODELS).click()
    swaps.owner = False
    expect(page.get_by_role("button", name=words.LOOK)).to_have_count(0)
    expect(page.get_by_text(words.RECORD)).to_have_count(0)


@pytest.mark.browser
@pytest.mark.parametrize(("width", "look"), [(1280, "light"), (390, "dark")])
def test_every_state_is_accessible_and_nothing_scrolls_sideways(
    browser: Browser, served: gr.Blocks, swaps: FakeSwaps, width: int, look: str
) -> None:
    swaps.owner, swaps.seen = True, DONE
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(f"{served.local_url}?__theme={look}")
    page.get_by_role("tab", name=text.MODELS).click()
    page.get_by_text(words.RECORD).click()
    page.add_style_tag(content="* { transition: none !important; animation: none !important; }")
    page.evaluate(axe_source())
    for standing in (DONE, FETCHING, FAILED):
        swaps.seen = standing
        expect(page.locator("#swap-said [role=status]")).to_have_text(_told(standing))
        found = page.evaluate("axe.run()")["violations"]
        assert [one["id"] for one in found if one["impact"] in ("moderate", "serious", "critical")] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def _told(standing: object) -> str:
    return "Fetching Small VLM." if standing is FETCHING else standing.sentence
