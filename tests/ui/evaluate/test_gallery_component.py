"""The gallery of items in a real Chromium: what it draws of two thousand items, and what it asks of Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from threading import Condition
from typing import Any

import gradio as gr
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from microscope.ui.evaluate.gallery import GalleryHandlers, wire_gallery
from microscope.ui.evaluate.gallery_component import EVENTS, GROUND, SCRIPTS, STYLE, gallery, script
from microscope.ui.evaluate.gallery_query import PAGE
from microscope.ui.evaluate.gallery_words import WORDS
from microscope.ui.theme import CSS, theme
from tests.ui.evaluate import gallery_samples as samples
from tests.ui.test_page import axe_source

ITEMS = 2000
PRIVATE = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}


@dataclass
class Bench(GalleryHandlers):
    """A page with nothing but a gallery: what it shows, how it opens, and what it asked."""

    state: samples.State | None = None
    chosen: int | None = None
    trouble: bool = False
    mounted_late: bool = False
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    told: Condition = field(default_factory=Condition)
    url: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def load(self) -> tuple[samples.State | None, dict[str, Any] | None]:
        """Open the page."""
        if self.mounted_late:
            return self.state, super().more(self.state, gr.EventData(None, {"ask": 5, "offset": PAGE}))
        return self.state, self.open(self.state, chosen=self.chosen)

    def more(self, shown: samples.State | None, data: gr.EventData) -> dict[str, Any] | None:
        """Answer with a page, or with trouble."""
        self.hear("more", data)
        if self.trouble:
            return {"mode": "trouble", "ask": data._data["ask"], "message": "Nothing came: try again."}
        return super().more(shown, data)

    def large(self, shown: samples.State | None, data: gr.EventData) -> dict[str, Any] | None:
        """Answer with an item."""
        self.hear("large", data)
        return super().large(shown, data)

    def grow(self) -> tuple[samples.State, dict[str, Any] | None]:
        """Show the same results with two more items."""
        grown = samples.state(self.state.index.n + 2)
        return grown, self.changed(grown)

    def hear(self, name: str, data: gr.EventData) -> None:
        """Note an event."""
        with self.told:
            self.heard.append((name, dict(data._data)))
            self.told.notify_all()

    def last(self, name: str) -> dict[str, Any]:
        """Return what the last event of a name carried, once it has come."""
        with self.told:
            came = self.told.wait_for(lambda: any(kind == name for kind, _ in self.heard), timeout=20)
            assert came, f"{name} was not heard; heard {self.heard}"
            return [data for kind, data in self.heard if kind == name][-1]


@pytest.fixture(scope="module")
def state() -> samples.State:
    return samples.state(ITEMS)


@pytest.fixture(scope="module")
def served() -> Iterator[Bench]:
    bench = Bench()

    def listener(name: str) -> Any:
        def hear(data: gr.EventData) -> None:
            bench.hear(name, data)

        return hear

    with gr.Blocks() as demo:
        held, shown, grow = gr.State(None), gallery(), gr.Button("Grow")
        wire_gallery(shown, held, bench)
        demo.load(bench.load, None, [held, shown], **PRIVATE)
        grow.click(bench.grow, None, [held, shown], **PRIVATE)
        for name in ("open_compare", "open_lens"):
            getattr(shown, name)(listener(name), None, None, **PRIVATE)
    demo.launch(prevent_thread_lock=True, quiet=True, theme=theme(), css_paths=[CSS])
    bench.url = demo.local_url
    yield bench
    demo.close()


@pytest.fixture
def bench(served: Bench, state: samples.State) -> Bench:
    served.state, served.chosen, served.trouble, served.mounted_late = state, None, False, False
    served.heard.clear()
    return served


@pytest.fixture
def page(browser: Browser, bench: Bench) -> Iterator[Page]:
    """Return a page at a desktop's width; an error in the console or in a script fails the test."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    troubles: list[str] = []
    opened.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    yield opened
    opened.close()
    assert troubles == []


def show(page: Page, bench: Bench) -> None:
    page.goto(f"{bench.url}?__theme=light")
    card(page, 0).wait_for()


def card(page: Page, position: int) -> Locator:
    return page.locator(f'.vm-gallery-card[data-position="{position}"]')


def cards(page: Page) -> Locator:
    return page.locator(".vm-gallery-card")


def found(page: Page) -> Locator:
    return page.locator(".vm-gallery-found")


def press(page: Page, word: str) -> None:
    page.locator(".vm-gallery-filter").filter(has_text=re.compile(rf"^{WORDS[word]} [0-9,]+$")).click()


def at(page: Page) -> int:
    """Return the position of the card that has the focus."""
    return int(page.evaluate("document.activeElement.dataset.position ?? -1"))


def field_of(page: Page, word: str) -> Locator:
    return page.get_by_label(WORDS[word], exact=True)


def test_the_script_holds_every_file_and_every_event() -> None:
    assert set(SCRIPTS) == set(STYLE.parent.glob("gallery_*.js"))
    assert all(f'trigger("{name}"' in script() for name in EVENTS)
    assert all(len(path.read_text().splitlines()) <= 300 for path in (*SCRIPTS, GROUND, STYLE))
    # What a model said is text, never markup.
    assert not [word for word in ("innerHTML", "insertAdjacentHTML", "document.write") if word in script()]
    # Gradio reads the style as a template.
    assert [mark for mark in ("\\", "`", "${", "{{", "@keyframes") if mark in STYLE.read_text()] == []


@pytest.mark.browser
def test_nothing_to_show_is_said(page: Page, bench: Bench) -> None:
    bench.state = None
    page.goto(bench.url)
    expect(page.get_by_text(WORDS["empty"])).to_be_visible()
    expect(page.get_by_role("feed")).to_be_hidden()


@pytest.mark.browser
def test_a_card_says_in_words_what_each_answer_is_worth(page: Page, bench: Bench) -> None:
    show(page, bench)
    expect(found(page)).to_have_text("2,000 items")
    expect(card(page, 0)).to_contain_text("Which colour has the circle numbered 0?")
    expect(card(page, 0)).to_contain_text("A red · B green")
    assert card(page, 7).locator(".vm-gallery-arm").all_inner_texts() == list(samples.LABELS)
    assert card(page, 7).locator(".vm-gallery-answers .vm-gallery-mark").all_inner_texts() == [
        WORDS["mark_wrong"],
        WORDS["mark_wrong"],
        WORDS["mark_right"],
    ]
    expect(card(page, 7)).to_contain_text(WORDS["fixed"])
    expect(card(page, samples.FAILED_AT)).to_contain_text(WORDS["mark_failed"])
    expect(card(page, samples.FAILED_AT)).to_contain_text(samples.FAILURE)
    expect(card(page, samples.UNPARSED_AT)).to_contain_text(f"{WORDS['unparsed']}; {WORDS['cut']}")
    expect(card(page, samples.SOFT_AT)).to_contain_text("score 0.75")
    expect(card(page, samples.RULES_AT)).to_contain_text("strict: wrong, lenient: right")
    expect(card(page, samples.GONE_AT)).to_contain_text("The picture gone.png is not in the folder")
    assert card(page, 0).locator("img").evaluate("async (image) => (await image.decode(), image.naturalWidth)") == 160
    # Markup in an answer is its text.
    expect(card(page, samples.MARKUP_AT)).to_contain_text(samples.MARKUP)
    assert card(page, samples.MARKUP_AT).locator(".vm-gallery-said :is(img, b)").count() == 0
    assert page.title() != "1"


@pytest.mark.browser
def test_scrolling_brings_pages_and_keeps_few_cards(page: Page, bench: Bench) -> None:
    show(page, bench)
    feed, first = page.get_by_role("feed"), page.locator(".vm-gallery-page").first
    height = first.bounding_box()["height"]
    for position in (23, 47, 71, 95, 119, 143):
        feed.evaluate("(feed) => { feed.scrollTop = feed.scrollHeight; }")
        card(page, position).wait_for(state="attached")
        assert cards(page).count() <= 4 * PAGE
    expect(card(page, 0)).to_have_count(0)
    # What was dropped leaves its room behind, and is drawn again without asking.
    assert abs(first.bounding_box()["height"] - height) < 1
    feed.evaluate("(feed) => { feed.scrollTop = 0; }")
    expect(card(page, 0)).to_be_in_viewport()
    expect(card(page, 119)).to_have_count(0)
    assert cards(page).count() <= 4 * PAGE
    asked = [data["offset"] for name, data in bench.heard if name == "more"]
    assert asked == sorted(set(asked) - {0})


@pytest.mark.browser
def test_filters_search_and_choices_narrow_what_is_shown(page: Page, bench: Bench) -> None:
    show(page, bench)
    press(page, "show_all_wrong")
    expect(found(page)).to_have_text("200 items of 2,000")
    expect(card(page, 0)).to_contain_text("Item 10")
    field_of(page, "search").fill("  NUMBERED 19")
    expect(found(page)).to_have_text("12 items of 2,000")
    counts = page.locator(".vm-gallery-filter").all_inner_texts()
    assert counts[0] == "All 111"
    assert counts[4] == "All wrong 12"
    expect(page.locator('.vm-gallery-filter[aria-pressed="true"]')).to_have_text("All wrong 12")
    field_of(page, "kind").select_option("where")
    expect(found(page)).to_have_text(WORDS["found_none"])
    expect(cards(page)).to_have_count(0)
    field_of(page, "search").fill("")
    field_of(page, "kind").select_option("")
    press(page, "show_fixed")
    expect(found(page)).to_have_text("1,201 items of 2,000")
    field_of(page, "first").select_option("1")
    expect(found(page)).to_have_text("600 items of 2,000")
    why = WORDS["why_fixed"].format(first=samples.LABELS[1], second=samples.LABELS[2])
    expect(page.locator(".vm-gallery-filter").nth(1)).to_have_attribute("title", why)
    field_of(page, "tag").select_option("hard")
    expect(found(page)).to_have_text("200 items of 2,000")
    press(page, "show_all")
    expect(found(page)).to_have_text("500 items of 2,000")
    field_of(page, "sort").select_option("worst")
    expect(card(page, 0)).to_contain_text("Item 9")


@pytest.mark.browser
def test_a_slice_can_be_left(page: Page, bench: Bench) -> None:
    bench.chosen = 0
    show(page, bench)
    expect(found(page)).to_have_text("666 items of 2,000")
    page.get_by_role("button", name="Only shape: triangle").click()
    expect(found(page)).to_have_text("2,000 items")
    expect(page.locator(".vm-gallery-slice")).to_be_hidden()


@pytest.mark.browser
def test_keys_move_open_and_send_on(page: Page, bench: Bench) -> None:
    show(page, bench)
    card(page, 0).focus()
    for key, position in (("j", 1), ("ArrowDown", 2), ("k", 1), ("ArrowUp", 0), ("k", 0)):
        page.keyboard.press(key)
        assert at(page) == position
    # One card alone, and its buttons, are stops of the tab key.
    assert page.locator('.vm-gallery-feed [tabindex="0"]').count() == 4
    for position in range(1, PAGE + 2):
        page.keyboard.press("j")
        expect(card(page, position)).to_be_focused()
    expect(card(page, PAGE + 1)).to_be_in_viewport()
    page.keyboard.press("c")
    assert bench.last("open_compare") == {"number": PAGE + 1}
    page.keyboard.press("l")
    assert bench.last("open_lens") == {"number": PAGE + 1}
    page.keyboard.press("/")
    expect(field_of(page, "search")).to_be_focused()
    page.keyboard.type("j/c")
    expect(field_of(page, "search")).to_have_value("j/c")
    expect(found(page)).to_have_text(WORDS["found_none"])
    assert [name for name, _ in bench.heard].count("open_compare") == 1


@pytest.mark.browser
def test_an_item_is_shown_large_with_its_evidence(page: Page, bench: Bench) -> None:
    show(page, bench)
    card(page, samples.UNPARSED_AT).focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Item 3")
    expect(dialog).to_contain_text("strict 0, normal 0, lenient 0")
    expect(dialog).to_contain_text("a " * 299)
    box, image = dialog.locator(".vm-gallery-box"), dialog.get_by_role("img")
    assert image.evaluate("async (image) => (await image.decode(), image.naturalWidth)") == 320
    inner, outer = box.bounding_box(), image.bounding_box()
    assert abs(inner["x"] - outer["x"] - outer["width"] / 4) < 2
    assert abs(inner["width"] - outer["width"] / 4) < 2
    assert abs(inner["height"] - outer["height"] / 2) < 2
    dialog.get_by_label(WORDS["boxes"]).uncheck()
    expect(box).to_be_hidden()
    # The toggle stays as it was left for the item after it.
    dialog.get_by_role("button", name=WORDS["close"]).focus()
    page.keyboard.press("j")
    expect(dialog.get_by_role("heading")).to_have_text("Item 4")
    expect(dialog).to_contain_text("strict 0.75, normal 0.75, lenient 0.75")
    expect(box).to_be_hidden()
    dialog.get_by_role("button", name=WORDS["previous"]).click()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(dialog.get_by_role("heading")).to_have_text("Item 1")
    expect(dialog.get_by_role("button", name=WORDS["previous"])).to_be_disabled()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(card(page, 0)).to_be_focused()
    card(page, 5).get_by_role("button", name="Enlarge").click()
    dialog.get_by_role("button", name=WORDS["lens"]).click()
    assert bench.last("open_lens") == {"number": 5}
    expect(dialog).to_be_hidden()


@pytest.mark.browser
def test_what_did_not_come_is_said_and_asked_for_again(page: Page, bench: Bench) -> None:
    show(page, bench)
    bench.trouble = True
    press(page, "show_failed")
    expect(page.get_by_role("alert")).to_have_text("Nothing came: try again.")
    bench.trouble = False
    page.get_by_role("button", name=WORDS["again"]).click()
    expect(found(page)).to_have_text("1 item of 2,000")
    expect(page.get_by_role("alert")).to_have_count(0)


@pytest.mark.browser
def test_a_gallery_that_knows_a_later_page_alone_asks_for_the_start(page: Page, bench: Bench) -> None:
    bench.mounted_late = True
    show(page, bench)
    expect(found(page)).to_have_text("2,000 items")
    assert bench.last("more")["open"] is True


@pytest.mark.browser
def test_results_that_grow_leave_the_visitor_where_they_were(page: Page, bench: Bench, state: samples.State) -> None:
    few = samples.results(62)
    bench.state = replace(state, index=samples.Index(replace(few, total=70)))
    show(page, bench)
    expect(page.get_by_text("62 of 70 items answered so far")).to_be_visible()
    press(page, "show_all_wrong")
    expect(found(page)).to_have_text("6 items of 62")
    card(page, 5).focus()
    page.get_by_role("button", name="Grow").evaluate("(button) => button.click()")
    expect(found(page)).to_have_text("6 items of 64")
    expect(page.locator('.vm-gallery-filter[aria-pressed="true"]')).to_have_text("All wrong 6")
    expect(card(page, 5)).to_be_focused()


@pytest.mark.browser
def test_it_is_accessible_and_fits_in_light_and_dark(page: Page, bench: Bench) -> None:
    bench.state, bench.chosen = samples.state(12), 0
    show(page, bench)
    page.evaluate(axe_source())
    contrast = "{ runOnly: ['color-contrast'] }"
    for look, width, rules in (("light", 1280, "{}"), ("light", 390, "{}"), ("dark", 390, contrast)):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("dark => document.body.classList.toggle('dark', dark)", look == "dark")
        clean(page, ".vm-gallery", rules)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert card(page, 0).evaluate("(card) => card.scrollWidth <= card.clientWidth")
        tops = card(page, 3).locator("li").evaluate_all("all => all.map((one) => one.getBoundingClientRect().top)")
        assert len(set(tops)) == (1 if width > 1000 else 3)
        card(page, 0).get_by_role("button", name="Enlarge").click()
        page.locator(".vm-gallery-box").wait_for()
        clean(page, ".vm-gallery-large", rules)
        assert page.locator(".vm-gallery-large").evaluate("(one) => one.scrollWidth <= one.clientWidth")
        page.keyboard.press("Escape")


def clean(page: Page, part: str, rules: str) -> None:
    violations = page.evaluate(f"axe.run('{part}', {rules})")["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in violations if one["impact"] != "minor"] == []
