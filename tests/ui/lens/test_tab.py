"""The Lens tab as a visitor uses it, in a real Chromium over the embedded checkpoints; most tests share one page."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from microscope.catalog.spec import ModelSpec
from microscope.engine.files import Fetcher, LocalCheckpoint
from microscope.errors import UserError
from microscope.ui import text
from microscope.ui.app import App
from microscope.ui.lens.words import WORDS
from tests.ui.test_page import axe_source

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)
QUESTION = "What colour is the nine?"
WRONG, RIGHT = "scenes-step-300", "scenes-step-6000"
WIDE = 1000
PATIENCE = 30.0
ANSWERS = ["blue", "green"]


@pytest.fixture(scope="module")
def looked(browser: Browser, url: str) -> Iterator[Page]:
    """Look at an example with two checkpoints, on a page where an error in a script fails the tests."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    open_tab(page, url)
    choose(page, WRONG, RIGHT)
    page.locator("#lens-examples button").first.click()
    expect(asking(page).get_by_label(text.QUESTION)).to_have_value(QUESTION)
    look(page)
    expect(panes(page, "done")).to_have_count(2)
    yield page
    page.close()
    assert troubles == []


@pytest.fixture(scope="module")
def link(looked: Page) -> str:
    """Return the link to what was looked at."""
    opened(looked, text.KEEP)
    expect(looked.get_by_label(text.LENS_LINK)).not_to_have_value("")
    return looked.get_by_label(text.LENS_LINK).input_value()


def open_tab(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("tab", name=text.LENS).click()
    expect(page.locator("#look")).to_be_enabled()


def asking(page: Page) -> Locator:
    """Return the tab, where the Compare tab has fields of the same names."""
    return page.get_by_role("tabpanel").filter(has=page.locator("#look"))


def choose(page: Page, *labels: str) -> None:
    for name in page.locator("#look-at label").all_inner_texts():
        page.locator("#look-at").get_by_role("checkbox", name=name.strip(), exact=True).set_checked(
            name.strip() in labels
        )


def look(page: Page) -> None:
    page.locator("#look").click()


def panes(page: Page, state: str | None = None) -> Locator:
    return page.locator("#lens .vm-lens-pane" + (f"[data-state={state}]" if state else ""))


def press(page: Page, word: str) -> None:
    page.locator("#lens").get_by_role("button", name=WORDS[word], exact=True).first.click()


def start_of(word: str) -> str:
    """Return what a sentence of the lens begins with, up to what the page fills in."""
    return WORDS[word].partition("{")[0].strip()


def idle(page: Page) -> None:
    """Wait until nothing runs."""
    expect(page.locator("#lens").get_by_role("button", name=WORDS["gather"])).to_be_enabled()


def opened(page: Page, part: str) -> None:
    """Open a part of the tab that is folded."""
    button = asking(page).get_by_role("button", name=part)
    if "open" not in (button.get_attribute("class") or ""):
        button.click()


def test_each_checkpoint_shows_its_tokens_and_how_far_its_map_can_be_trusted(looked: Page) -> None:
    assert looked.locator("#lens .vm-lens-pane h3").all_inner_texts() == [WRONG, RIGHT]
    for pane, answer in zip(panes(looked).all(), ANSWERS, strict=True):
        expect(pane.get_by_role("button", name=answer, exact=True)).to_be_visible()
        expect(pane).to_contain_text(start_of("badge"))
        expect(pane.locator("canvas.vm-lens-picture")).to_be_visible()
    expect(looked.locator("#look")).to_be_enabled()


def test_a_token_is_chosen_in_every_pane_and_mapped_where_it_was_not(looked: Page) -> None:
    looked.locator("#lens").get_by_label(WORDS["map"], exact=True).select_option("gradient")
    panes(looked).first.get_by_role("button", name="blue", exact=True).click()
    for pane in panes(looked).all():
        expect(pane.get_by_role("button", pressed=True)).to_have_attribute("data-token", "0")
        expect(pane).to_contain_text("Gradient")
        expect(pane.locator(".vm-lens-below")).to_contain_text(start_of("badge"))
    idle(looked)
    panes(looked).first.get_by_role("button", name=WORDS["whole"]).click()
    looked.locator("#lens").get_by_label(WORDS["map"], exact=True).select_option("relevance")
    idle(looked)


def test_the_answer_without_the_rejected_stands_beside_it_with_probabilities(looked: Page) -> None:
    looked.locator("#lens").get_by_label(WORDS["show_kept"], exact=True).check()
    press(looked, "reject")
    for pane, answer in zip(panes(looked).all(), ANSWERS, strict=True):
        without = pane.locator(".vm-lens-without")
        expect(without).to_contain_text(WORDS["without_title"].format(count=32, all=64, rule=WORDS["by_map"]))
        expect(without.locator(".vm-lens-answer")).to_have_count(2)
        assert all(without.locator(".vm-lens-answer").all_inner_texts())
        expect(without).to_contain_text(start_of("probability_change"))
        # The original stays what it was.
        expect(pane.get_by_role("button", name=answer, exact=True)).to_be_visible()
    idle(looked)


def test_a_patch_is_read(looked: Page) -> None:
    looked.locator("#lens").get_by_label(WORDS["show_heat"], exact=True).check()
    canvas = panes(looked).nth(1).locator("canvas.vm-lens-picture")
    area = canvas.bounding_box()
    canvas.click(position={"x": 0.55 * area["width"], "y": 0.55 * area["height"]})
    panes(looked).nth(1).get_by_role("button", name=WORDS["read_patch"]).click()
    table = panes(looked).nth(1).get_by_role("table")
    expect(table).to_contain_text("whole picture, row 5, column 5 reads as")
    expect(table.get_by_role("rowheader")).to_have_text(["0", "1", "2", "3", "4", "5"])
    expect(panes(looked).nth(0).get_by_role("table")).to_have_count(0)
    idle(looked)


def test_gathering_evidence_can_be_stopped_and_gone_on_with(looked: Page, app: App) -> None:
    # One model is used at a time: while somebody has it, what is gathered waits for its turn, and says so.
    with app.engine.models.lease(app.engine.answerer.fetcher.fetch(app.engine.catalog.get(WRONG))):
        press(looked, "gather")
        expect(panes(looked).first.locator(".vm-lens-state")).to_contain_text("1 ahead")
        press(looked, "stop")
        expect(panes(looked).first.locator(".vm-lens-state")).to_have_text(text.STOPPED)
    idle(looked)
    expect(panes(looked).first).to_contain_text(WORDS["gather_first"])
    press(looked, "gather")
    for pane in panes(looked).all():
        expect(pane).to_contain_text(re.compile(r"1\d\d forward passes"))
    expect(panes(looked, "done")).to_have_count(2)
    idle(looked)


def test_picture_and_data_can_be_taken_away_with_what_was_found_since(looked: Page, link: str) -> None:
    looked.locator("#lens").get_by_label(WORDS["map"], exact=True).select_option("random")
    idle(looked)
    report = taken_with(looked, "random")
    assert [one["answer"]["text"] for one in report["findings"]] == ANSWERS
    for finding in report["findings"]:
        # What was asked for after the look, too.
        assert {"attention", "relevance", "random"} <= {heat["method"] for heat in finding["heats"]}
    with looked.expect_download() as download:
        press_export(looked, text.EXPORT_PNG)
    with Image.open(BytesIO(Path(download.value.path()).read_bytes())) as image:
        assert image.format == "PNG"


def press_export(page: Page, name: str) -> None:
    tab = asking(page)
    tab.get_by_role("link", name=name).or_(tab.get_by_role("button", name=name)).click()


def taken_with(page: Page, method: str) -> dict[str, Any]:
    """Take the data away until a method's maps are in it: the file is made anew a moment after the map."""
    deadline, report = time.monotonic() + PATIENCE, {"findings": []}
    while time.monotonic() < deadline:
        with page.expect_download() as download:
            press_export(page, text.EXPORT_JSON)
        report = json.loads(Path(download.value.path()).read_text())
        if all(method in {heat["method"] for heat in one["heats"]} for one in report["findings"]):
            break
    return report


def test_a_run_is_followed_and_its_best_step_marked(looked: Page, app: App) -> None:
    steps = [spec.label for spec in app.engine.catalog.specs]
    follow(looked, "green")
    strip = looked.locator("#timeline .vm-lens-step")
    expect(strip).to_have_count(len(steps))
    expect(looked.locator("#timeline .vm-lens-best strong")).to_contain_text("★ scenes-step-")
    expect(looked.locator("#timeline .vm-lens-why")).to_contain_text("gives “green” the highest probability a token")
    expect(strip.nth(1)).to_contain_text("blue")
    slider = looked.locator("#timeline .vm-lens-timeline").get_by_role("slider")
    slider.focus()
    slider.press("Home")
    expect(looked.locator("#timeline .vm-lens-pane h3")).to_have_text(steps[0])
    slider.press("ArrowRight")
    expect(looked.locator("#timeline .vm-lens-pane h3")).to_have_text(steps[1])
    expect(strip.nth(1)).to_have_attribute("aria-pressed", "true")
    # The panes above are still what they were.
    expect(panes(looked, "done")).to_have_count(2)


def follow(page: Page, reference: str) -> None:
    opened(page, text.TIMELINE)
    page.get_by_label(text.REFERENCE).fill(reference)
    page.locator("#follow").click()
    expect(page.locator("#timeline .vm-lens-why")).to_be_visible()


def test_a_link_opens_the_tab_with_what_is_known_and_computes_nothing(
    link: str, browser: Browser, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    door = type(app.engine.answerer.door)
    monkeypatch.setattr(door, "run", lambda _door, name, _payload: iter(ran.append(name) or ()))
    page = browser.new_page()
    page.goto(link)
    expect(panes(page, "done")).to_have_count(2)
    expect(page.get_by_role("tab", name=text.LENS)).to_have_attribute("aria-selected", "true")
    expect(asking(page).get_by_label(text.QUESTION)).to_have_value(QUESTION)
    expect(asking(page).get_by_role("checkbox", checked=True)).to_have_count(2)
    for pane, answer in zip(panes(page).all(), ANSWERS, strict=True):
        expect(pane.get_by_role("button", name=answer, exact=True)).to_be_visible()
    page.close()
    assert ran == []


def test_what_was_compared_is_taken_over(page: Page) -> None:
    page.get_by_role("tab", name=text.LENS).click()
    asking(page).get_by_role("button", name=text.FROM_COMPARE).click()
    expect(page.get_by_text(text.NOTHING_COMPARED)).to_be_visible()
    page.get_by_role("tab", name=text.COMPARE).click()
    page.locator("#examples button").nth(1).click()
    page.locator(".vm-column[data-state=done]").first.wait_for()
    compared = page.locator(".vm-column h3").all_inner_texts()
    page.get_by_role("tab", name=text.LENS).click()
    asking(page).get_by_role("button", name=text.FROM_COMPARE).click()
    expect(asking(page).get_by_label(text.QUESTION)).to_have_value("Where is the two?")
    expect(asking(page).get_by_role("checkbox", checked=True)).to_have_count(len(compared))
    expect(page.locator("#lens-image img").first).to_be_visible()


def test_a_checkpoint_that_fails_leaves_the_other(page: Page, digit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = Fetcher.fetch

    def without_one(fetcher: Fetcher, spec: ModelSpec, *rest: object) -> LocalCheckpoint:
        if spec.key == WRONG:
            raise UserError("Its files are gone; choose another checkpoint.")
        return fetch(fetcher, spec, *rest)

    monkeypatch.setattr(Fetcher, "fetch", without_one)
    page.get_by_role("tab", name=text.LENS).click()
    choose(page, WRONG, RIGHT)
    look(page)
    expect(page.get_by_text("There is no image yet").first).to_be_visible()
    page.locator("#lens-image input[type=file]").set_input_files(digit)
    page.locator("#lens-image img").first.wait_for()
    asking(page).get_by_label(text.QUESTION).fill("Which colour is the two?")
    look(page)
    expect(panes(page, "failed")).to_contain_text("Its files are gone; choose another checkpoint.")
    expect(panes(page, "done")).to_have_count(1)
    expect(panes(page, "done").locator("h3")).to_have_text(RIGHT)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible_and_no_sideways_scrolling(link: str, browser: Browser, width: int, theme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(f"{link}&__theme={theme}")
    expect(panes(page, "done")).to_have_count(2)
    opened(page, text.KEEP)
    expect(page.get_by_label(text.LENS_LINK)).not_to_have_value("")
    if width < WIDE:
        follow(page, "green")
    # Half-way through a transition a colour is neither the one before nor the one after.
    page.add_style_tag(content="* { transition: none !important; animation: none !important; }")
    page.evaluate(axe_source())
    found = page.evaluate("axe.run()")["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
