"""The Evaluate tab as a visitor uses it, in a real Chromium over the embedded checkpoints."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from microscope.ui import text
from microscope.ui.app import App
from microscope.ui.evaluate import words
from tests.ui.evaluate.conftest import EVALSET
from tests.ui.test_page import axe_source

pytestmark = pytest.mark.browser
ITEMS = 16
# Cells that a long name would run out of: on a small screen, they are the rows of a card and begin with it.
OVERLAPPING = """
[...document.querySelectorAll("#evaluate-findings td")].filter((cell) => {
  const name = cell.cloneNode(false);
  name.style.width = `${cell.getBoundingClientRect().width}px`;
  cell.after(name);
  name.textContent = "x";
  name.dataset.name = "a name that is long enough to be broken into two lines";
  const after = name.getBoundingClientRect(), low = parseFloat(getComputedStyle(name, "::before").height) || 0;
  name.remove();
  return after.height < low;
}).map((cell) => cell.dataset.name)
"""


@pytest.fixture
def tab(page: Page) -> Page:
    """Open the tab, with a few items of the shipped set and the last two checkpoints chosen."""
    open_tab(page)
    return page


def open_tab(page: Page) -> None:
    page.get_by_role("tab", name=words.TAB).click()
    expect(page.locator("#evaluate-plan")).to_contain_text("750 items on 150 images")
    fill(page, words.LIMIT, str(ITEMS))
    boxes = page.locator("#evaluate-checkpoints").get_by_role("checkbox")
    for place in range(boxes.count()):
        boxes.nth(place).set_checked(place >= boxes.count() - 2)
    expect(page.locator("#evaluate-plan")).to_contain_text(f"{ITEMS} items on")
    expect(page.locator("#evaluate-plan")).to_contain_text(f"{2 * ITEMS} answers")


def fill(page: Page, label: str, value: str) -> None:
    field = page.get_by_label(label).and_(page.locator("input, textarea")).locator("visible=true")
    field.fill(value)
    field.press("Tab")


def choose(page: Page, label: str, option: str) -> None:
    """Choose from a list by typing: the one that was chosen from before may not have closed yet."""
    field = page.get_by_label(label, exact=True).and_(page.locator("input"))
    field.fill(option)
    # Enter takes what is listed: before the list was made anew, that is something else.
    expect(page.get_by_role("option", name=option, exact=True).last).to_be_visible()
    field.press("Enter")
    expect(field).not_to_be_focused()
    expect(field).to_have_value(option)


def evaluate(page: Page) -> None:
    page.locator("#evaluate-run").click()
    expect(page.locator("#evaluate-progress")).to_contain_text(f"{2 * ITEMS} of {2 * ITEMS} answers")
    expect(page.locator(".vm-verdict")).to_be_visible()
    expect(page.locator("#evaluate-run")).to_be_enabled()


def test_a_run_says_what_it_is_what_it_found_and_computes_nothing_twice(tab: Page, app: App) -> None:
    expect(tab.locator("#evaluate-set")).to_contain_text("750 of 750 rows used, on 150 images")
    expect(tab.locator("#evaluate-plan")).to_contain_text("can tell checkpoints apart that differ by about")
    evaluate(tab)
    labels = [spec.label for spec in app.engine.catalog.specs[-2:]]
    scores = tab.get_by_role("table", name=words.MARKS_CAPTION)
    expect(scores.get_by_role("rowheader")).to_have_text(labels)
    expect(tab.locator("#evaluate-findings svg.vm-fig").first).to_be_visible()
    expect(tab.locator("#evaluate-plan")).to_contain_text("all known already")
    evaluate(tab)
    expect(tab.locator("#evaluate-progress")).to_contain_text(f"{2 * ITEMS} known already")
    # What results are held against needs no new answers.
    tab.get_by_label(words.BASELINE).click()
    tab.get_by_role("option").nth(1).click()
    expect(tab.locator(".vm-verdict")).to_have_attribute("data-outcome", re.compile("better|worse|tell"))
    verdict = tab.locator(".vm-verdict").inner_text()
    tab.get_by_role("button", name=words.TAKE_AWAY).click()
    report = tab.get_by_role("link", name=words.REPORT_JSON).or_(tab.get_by_role("button", name=words.REPORT_JSON))
    with tab.expect_download() as download:
        report.click()
    assert json.loads(Path(download.value.path()).read_text("utf-8"))["analysis"]["verdict"] == verdict


def test_a_slice_opens_its_items_and_an_item_the_other_tabs(tab: Page) -> None:
    evaluate(tab)
    tab.get_by_text(words.SLICES).click()
    chosen = tab.locator("[data-slice]").first
    name = chosen.inner_text()
    chosen.click()
    items = tab.locator("#evaluate-items")
    expect(items).to_contain_text(f"Only {name}")
    expect(items).to_be_in_viewport()
    items.get_by_role("button", name="Compare").first.click()
    expect(tab.get_by_role("tab", name=text.COMPARE)).to_have_attribute("aria-selected", "true")
    expect(tab.get_by_role("tab", name=text.COMPARE)).to_be_focused()
    question = tab.get_by_label(text.QUESTION).locator("visible=true")
    expect(question).not_to_have_value("")
    expect(tab.get_by_text(words.OPENED["compare"])).to_be_visible()
    asked = question.input_value()
    tab.get_by_role("button", name=text.RUN, exact=True).click()
    # With the very same settings these answers are known.
    expect(tab.locator(".vm-column[data-state=done]")).to_have_count(2)
    expect(tab.locator(".vm-column").first).to_contain_text("omputed earlier with exactly these inputs")
    tab.get_by_role("tab", name=words.TAB).click()
    # The way back leads to the items, not to the top of a long page.
    expect(items).to_be_in_viewport()
    items.get_by_role("button", name="Lens").first.click()
    expect(tab.get_by_role("tab", name=text.LENS)).to_have_attribute("aria-selected", "true")
    expect(tab.get_by_label(text.QUESTION).locator("visible=true")).to_have_value(asked)


def test_an_upload_is_checked_and_what_is_wrong_is_listed_and_mended(tab: Page, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    shutil.copy(EVALSET / "scene-000.png", folder)
    shutil.copy(EVALSET / "scene-001.png", folder)
    head, *rows = (
        "image,question,answers,kind",
        "scene-000.png,what?,red,a",
        "scene-001.png,who?,two,b",
        "gone.png,o?,x,b",
        "scene-001.png,why?,yes,",
    )
    (folder / "items.csv").write_text("\n".join([head, *rows]))
    packed = shutil.make_archive(str(tmp_path / "mine"), "zip", folder)
    tab.get_by_label("Upload a file").check()
    tab.locator("#evaluate-file input[type=file]").set_input_files(packed)
    report = tab.locator("#evaluate-set")
    expect(report).to_contain_text("3 of 4 rows used, on 2 images")
    expect(report).to_contain_text("gone.png")
    expect(tab.locator("#evaluate-plan")).to_contain_text("3 items on 2 images")
    tab.get_by_role("button", name=words.COLUMNS).click()
    choose(tab, words.COLUMN_NAMES["answers"], "kind")
    choose(tab, words.COLUMN_NAMES["kind"], words.NO_COLUMN)
    tab.locator("#evaluate-check").click()
    # Not before the set was read again: the last row has no answer in this column.
    expect(report).to_contain_text("2 of 4 rows used")
    tab.locator("#evaluate-run").click()
    expect(tab.locator("#evaluate-items").get_by_role("definition")).to_have_text(["a", "b"])


def test_what_is_missing_is_said_on_its_field_and_nothing_runs(tab: Page) -> None:
    tab.get_by_label("Hub dataset").check()
    expect(tab.locator("#evaluate-plan")).to_contain_text(words.NO_SET)
    tab.locator("#evaluate-run").click()
    expect(tab.locator("#evaluate-source").get_by_text(words.NO_SET)).to_be_visible()
    expect(tab.locator("#evaluate-run")).to_be_enabled()
    expect(tab.locator("#evaluate-progress")).to_have_text("")


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_accessible_and_no_sideways_scrolling(browser: Browser, url: str, theme: str, width: int) -> None:
    # A visitor: on a small screen the owner's tabs do not all fit, and the last ones move into a menu.
    page = browser.new_page(
        viewport={"width": width, "height": 900}, extra_http_headers={"X-Forwarded-For": "127.0.0.1"}
    )
    page.goto(f"{url}?__theme={theme}")
    open_tab(page)
    evaluate(page)
    for opened in (words.ABLATION, words.TAKE_AWAY):
        page.get_by_role("button", name=opened).click()
    page.evaluate("document.querySelectorAll('#evaluate-findings details').forEach((one) => { one.open = true; })")
    expect(page.locator(".vm-heat")).to_be_visible()
    page.add_style_tag(content="* { transition: none !important; animation: none !important; }")
    page.evaluate(axe_source())
    found = page.evaluate("axe.run()")["violations"]
    assert [one["id"] for one in found if one["impact"] in ("moderate", "serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OVERLAPPING) == []
    page.close()
