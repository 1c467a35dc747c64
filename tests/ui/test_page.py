"""The Compare tab as a visitor uses it, in a real Chromium over the embedded checkpoints."""

from __future__ import annotations

import json
import re
from io import BytesIO
from pathlib import Path

import axe_playwright_python
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from microscope.engine.pictures import read_picture
from microscope.errors import UserError
from microscope.ui import text
from microscope.ui.app import App

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)
QUESTION = "What is the red object?"


def ask(page: Page, image: Path, question: str = QUESTION) -> None:
    page.locator("input[type=file]").first.set_input_files(image)
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_enabled()
    page.locator(".image-container img, .image-frame img").first.wait_for()
    page.get_by_label(text.QUESTION).fill(question)


def run(page: Page) -> None:
    page.get_by_role("button", name="Run", exact=True).click()


def finished(page: Page, count: int) -> None:
    expect(page.locator(".vm-column[data-state=done]")).to_have_count(count)


def choose(page: Page, app: App, *labels: str) -> None:
    for spec in app.engine.catalog.specs:
        page.get_by_role("checkbox", name=spec.label, exact=True).set_checked(spec.label in labels)


def test_an_uploaded_image_is_answered_by_the_chosen_checkpoints(page: Page, app: App, digit: Path) -> None:
    chosen = [spec.label for spec in app.engine.catalog.specs][:2]
    choose(page, app, *chosen)
    ask(page, digit)
    run(page)
    finished(page, 2)
    assert page.locator(".vm-column h3").all_inner_texts() == chosen
    assert all(page.locator(".vm-answer").all_inner_texts())
    expect(page.locator(".vm-column").first).to_contain_text("76 tokens, 64 of the image")
    expect(page.locator(".vm-status [role=status]")).to_contain_text("2 of 2 answers finished.")


def test_an_example_shows_its_shipped_answers_without_generating(page: Page, app: App) -> None:
    before = app.engine.models.cache.snapshot()
    page.get_by_role("button", name="Thumbnail 1").click()
    expect(page.get_by_label(text.QUESTION)).not_to_have_value("")
    expect(page.locator(".vm-column[data-state=done]").first).to_contain_text("Computed ahead for this example")
    assert app.engine.models.cache.snapshot() == before


def test_what_is_missing_is_said_on_its_field_and_nothing_runs(page: Page, app: App, digit: Path) -> None:
    run(page)
    expect(page.get_by_text("There is no image yet").first).to_be_visible()
    ask(page, digit, "   ")
    run(page)
    expect(page.get_by_text("There is no question yet").first).to_be_visible()
    page.get_by_label(text.QUESTION).fill("x" * 10_000)
    run(page)
    expect(page.get_by_text("The question has 10,000 characters").first).to_be_visible()
    choose(page, app)
    page.get_by_label(text.QUESTION).fill(QUESTION)
    run(page)
    expect(page.get_by_text(text.NO_CHECKPOINT).first).to_be_visible()
    expect(page.locator(".vm-column")).to_have_count(0)


def test_an_unreadable_image_gets_a_sentence(page: Page, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + b"broken" * 20)
    with pytest.raises(UserError) as refusal:
        read_picture(broken)
    page.locator("input[type=file]").first.set_input_files(broken)
    page.get_by_label(text.QUESTION).fill(QUESTION)
    page.locator(".image-container img, .image-frame img").first.wait_for(state="attached")
    run(page)
    expect(page.get_by_text(str(refusal.value)).first).to_be_visible()
    expect(page.locator(".vm-column")).to_have_count(0)


def test_the_keyboard_is_enough(page: Page, digit: Path) -> None:
    ask(page, digit, "How many objects are there?")
    page.get_by_label(text.QUESTION).focus()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "run":
            break
    page.keyboard.press("Enter")
    finished(page, page.get_by_role("checkbox", checked=True).count())


def test_exports_difference_history_and_link(page: Page, browser: Browser, digit: Path) -> None:
    page.get_by_role("button", name="Thumbnail 1").click()
    page.locator(".vm-column[data-state=done]").first.wait_for()
    page.get_by_label(text.QUESTION).fill("Describe the image.")
    run(page)
    expect(page.locator(".vm-column").first).not_to_contain_text("Computed ahead")
    finished(page, page.locator(".vm-column").count())
    answers = page.locator(".vm-answer").all_inner_texts()
    page.get_by_role("button", name=text.DIFFERENCE).click()
    expect(page.locator(".vm-diff")).to_be_visible()
    page.get_by_role("button", name=text.KEEP).click()
    with page.expect_download() as download:
        page.get_by_role("link", name=text.EXPORT_JSON).or_(page.get_by_role("button", name=text.EXPORT_JSON)).click()
    exported = json.loads(Path(download.value.path()).read_text())
    assert [one["answer"]["text"] for one in exported["outcomes"]] == answers
    with page.expect_download() as download:
        page.get_by_role("link", name=text.EXPORT_PNG).or_(page.get_by_role("button", name=text.EXPORT_PNG)).click()
    assert Image.open(BytesIO(Path(download.value.path()).read_bytes())).size == (1920, 1080)
    link = page.get_by_label(text.LINK).input_value()
    other = browser.new_page()
    other.goto(link)
    expect(other.get_by_label(text.QUESTION)).to_have_value("Describe the image.")
    finished(other, len(answers))
    assert other.locator(".vm-answer").all_inner_texts() == answers
    other.close()


def test_history_reopens_a_comparison(page: Page, digit: Path) -> None:
    for question in ("What is the red object?", "What is the blue object?"):
        ask(page, digit, question)
        run(page)
        expect(page.get_by_label(text.HISTORY)).to_have_value(re.compile(question[:14]))
    first = page.get_by_label(text.HISTORY)
    first.click()
    page.get_by_role("option").nth(1).click()
    expect(page.get_by_label(text.QUESTION)).to_have_value("What is the red object?")
    finished(page, page.locator(".vm-column").count())


def test_an_own_image_is_linked_only_by_consent(page: Page, digit: Path, tmp_path: Path, app: App) -> None:
    own = tmp_path / "own.png"
    Image.open(digit).convert("RGB").rotate(90).save(own)
    ask(page, own)
    run(page)
    page.get_by_role("button", name=text.KEEP).click()
    expect(page.get_by_text(text.LINK_NEEDS_CONSENT)).to_be_visible()
    assert page.get_by_label(text.LINK).input_value() == ""
    assert not list((app.settings.data / "shares").glob("*"))
    page.get_by_label(text.CONSENT).check()
    expect(page.get_by_label(text.LINK)).not_to_have_value("")
    assert len(list((app.settings.data / "shares").glob("*.png"))) == 1


def test_repeat_runs_the_other_checkpoints(page: Page, app: App, digit: Path) -> None:
    labels = [spec.label for spec in app.engine.catalog.specs]
    choose(page, app, *labels[:2])
    ask(page, digit)
    run(page)
    finished(page, 2)
    page.get_by_role("button", name=text.REPEAT).click()
    expect(page.locator(".vm-column h3").first).to_have_text(labels[2])
    finished(page, min(4, len(labels) - 2))


def test_stop_ends_a_comparison_and_run_works_again(page: Page, app: App, digit: Path) -> None:
    ask(page, digit, "Find the two.")
    # One answers at a time: while somebody has a model, the comparison waits for its turn, and says so.
    spec = app.engine.catalog.specs[0]
    with app.engine.models.lease(app.engine.answerer.fetcher.fetch(spec)):
        run(page)
        expect(page.locator(".vm-column .vm-state").first).to_contain_text("1 ahead, about")
        page.get_by_role("button", name="Stop", exact=True).click()
        expect(page.locator(".vm-column[data-state=stopped]").first).to_be_visible()
    expect(page.locator(".vm-column[data-state=stopped]").first).to_contain_text(text.STOPPED)
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_enabled()
    run(page)
    finished(page, page.locator(".vm-column").count())


def test_the_models_tab_shows_every_checkpoint_and_the_owner_moves_them(page: Page, app: App) -> None:
    first, *_ = labels = [spec.label for spec in app.engine.catalog.specs]
    page.get_by_role("tab", name=text.MODELS).click()
    expect(page.get_by_role("rowheader")).to_have_text(labels)
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=first, exact=True))
    page.get_by_role("button", name=text.LOAD, exact=True).click()
    expect(row).to_have_attribute("data-place", re.compile("^(ram|mapped|gpu)$"))
    page.get_by_role("button", name=text.UNLOAD, exact=True).click()
    expect(row).to_have_attribute("data-place", re.compile("^(page cache|disk)$"))
    expect(page.locator(".vm-events li").first).to_be_visible()


def test_what_was_asked_stays_and_goes_on_while_another_tab_is_looked_at(page: Page, app: App, digit: Path) -> None:
    choose(page, app, app.engine.catalog.specs[0].label)
    ask(page, digit, "What is there, meanwhile?")
    page.get_by_role("button", name=text.SETTINGS).or_(page.locator(".sidebar button").first).first.click()
    run(page)
    page.get_by_role("tab", name=text.MODELS).click()
    # The settings of the Compare tab take no room here.
    expect(page.locator(".sidebar-parent")).to_have_css("padding-right", "0px")
    page.get_by_role("tab", name=text.COMPARE).click()
    finished(page, 1)
    expect(page.get_by_label(text.QUESTION)).to_have_value("What is there, meanwhile?")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible_and_no_sideways_scrolling(browser: Browser, url: str, width: int, theme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(f"{url}?__theme={theme}")
    page.get_by_role("button", name="Thumbnail 1").click()
    page.locator(".vm-column[data-state=done]").first.wait_for()
    for opened in (text.DIFFERENCE, text.KEEP):
        page.get_by_role("button", name=opened).click()
    expect(page.locator(".vm-diff")).to_be_visible()
    expect(page.get_by_label(text.LINK)).not_to_have_value("")
    # Half-way through a transition a colour is neither the one before nor the one after.
    page.add_style_tag(content="* { transition: none !important; animation: none !important; }")
    page.evaluate(axe_source())
    found = page.evaluate("axe.run()")["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def axe_source() -> str:
    return Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
