"""The lens in a real Chromium: what it draws of findings made by hand, and what it asks of Python."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from threading import Condition
from typing import Any

import gradio as gr
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from microscope.lens.layout import MEASURED
from microscope.lens.selection import random_order
from microscope.ui.lens import packing, payload
from microscope.ui.lens.component import ASSETS, EVENTS, SCRIPTS, lens, script
from microscope.ui.lens.words import WORDS
from microscope.ui.theme import CSS, theme
from tests.ui.lens import samples
from tests.ui.test_page import axe_source

PRIVATE = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}


@dataclass
class Bench:
    """A page with nothing but a lens: what it shows, what it is answered, and what it asked."""

    value: dict[str, Any] | None = None
    answer: dict[str, Any] | None = None
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    url: str = ""
    told: Condition = field(default_factory=Condition)

    def hear(self, name: str, data: gr.EventData) -> dict[str, Any]:
        """Note an event, and answer with the next payload where there is one."""
        with self.told:
            self.heard.append((name, dict(data._data)))
            self.told.notify_all()
        return self.answer if self.answer is not None else gr.skip()


@pytest.fixture(scope="module")
def served() -> Iterator[Bench]:
    bench = Bench()

    def listener(name: str) -> Any:
        def hear(data: gr.EventData) -> Any:
            return bench.hear(name, data)

        return hear

    with gr.Blocks() as demo:
        shown = lens()
        demo.load(lambda: bench.value, None, shown, **PRIVATE)
        for name in EVENTS:
            getattr(shown, name)(listener(name), None, shown, **PRIVATE)
    demo.launch(prevent_thread_lock=True, quiet=True, theme=theme(), css_paths=[CSS])
    bench.url = demo.local_url
    yield bench
    demo.close()


@pytest.fixture
def bench(served: Bench) -> Bench:
    served.value, served.answer = samples.page(), None
    served.heard.clear()
    return served


@pytest.fixture
def page(browser: Browser, bench: Bench) -> Iterator[Page]:
    """Return a page at a desktop's width; an error in the console or in a script fails the test."""
    opened = browser.new_page(viewport={"width": 1280, "height": 1000})
    troubles: list[str] = []
    opened.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    yield opened
    opened.close()
    assert troubles == []


def show(page: Page, bench: Bench, value: dict[str, Any] | None = None) -> None:
    bench.value = value or bench.value
    page.goto(f"{bench.url}?__theme=light")
    page.locator(".vm-lens-pane").first.wait_for()
    settled(page)


def settled(page: Page) -> None:
    """Wait until what was asked for is drawn: the lens draws in the next frame."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def pane(page: Page, key: str) -> Locator:
    return page.locator(f'.vm-lens-pane[data-key="{key}"]')


def picture(page: Page, key: str) -> Locator:
    return pane(page, key).locator(".vm-lens-picture")


def colour(canvas: Locator, x: float, y: float) -> list[int]:
    """Return the colour that a canvas has at fractions of its width and height."""
    settled(canvas.page)
    return canvas.evaluate(
        "(canvas, [x, y]) => [...canvas.getContext('2d').getImageData("
        "Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1).data]",
        [x, y],
    )


def press_at(canvas: Locator, x: float, y: float) -> None:
    area = canvas.bounding_box()
    canvas.click(position={"x": x * area["width"], "y": y * area["height"]})
    settled(canvas.page)


def choose(page: Page, name: str) -> None:
    page.get_by_label(WORDS[name], exact=True).check()
    settled(page)


def chosen_map(page: Page, method: str) -> None:
    page.get_by_label(WORDS["map"], exact=True).select_option(method)
    settled(page)


def heard(bench: Bench, name: str) -> dict[str, Any]:
    """Return what the last event of a name carried, once it has come."""
    with bench.told:
        came = bench.told.wait_for(lambda: any(kind == name for kind, _ in bench.heard), timeout=30)
        assert came, f"{name} was not heard; heard {bench.heard}"
        return [data for kind, data in bench.heard if kind == name][-1]


def order(values: np.ndarray, cells: list[int]) -> list[int]:
    """Return cells from the highest value down as they arrive in the browser; of equals the lower index first."""
    packed = packing.packed(values)
    steps = np.frombuffer(base64.b64decode(packed["data"]), "<u2")
    return sorted(cells, key=lambda cell: (-int(steps[cell]), cell))


def test_the_script_holds_every_file_and_every_event() -> None:
    assert {path.stem for path in ASSETS.glob("*.js")} == set(SCRIPTS)
    assert all(f'trigger("{name}"' in script() for name in EVENTS)
    assert all(len(path.read_text().splitlines()) <= 300 for path in ASSETS.iterdir())
    assert "innerHTML" not in script()
    # Gradio reads the style as a template.
    style = (ASSETS / "lens.css").read_text()
    assert [mark for mark in ("\\", "`", "${", "{{", "@keyframes") if mark in style] == []


@pytest.mark.browser
def test_nothing_to_show_is_said(page: Page, bench: Bench) -> None:
    bench.value = None
    page.goto(bench.url)
    expect(page.get_by_text(WORDS["empty"])).to_be_visible()


@pytest.mark.browser
def test_the_picture_is_brightest_where_the_map_is_greatest(page: Page, bench: Bench) -> None:
    show(page, bench)
    a, b = picture(page, "a"), picture(page, "b")
    assert sum(colour(a, 0.31, 0.44)[:3]) > sum(colour(a, 0.1, 0.9)[:3]) + 200
    assert sum(colour(b, 0.65, 0.55)[:3]) > sum(colour(b, 0.1, 0.9)[:3]) + 200
    heat = colour(a, 0.31, 0.44)
    choose(page, "show_original")
    assert colour(a, 0.31, 0.44) != heat
    # A token shows its map in every pane.
    chosen_map(page, "attention")
    pane(page, "a").get_by_role("button", name="The", exact=True).click()
    expect(page.locator('[data-token="0"][aria-pressed="true"]')).to_have_count(2)
    for one in (a, b):
        assert sum(colour(one, 0.1, 0.45)[:3]) > sum(colour(one, 0.6, 0.9)[:3]) + 150
    assert bench.heard == []


@pytest.mark.browser
def test_what_speaks_against_the_answer_is_blue_and_what_is_not_seen_grey(page: Page, bench: Bench) -> None:
    found = samples.finding("a")
    values = samples.bump(found.layout, 0.3, 0.4) - samples.bump(found.layout, 0.8, 0.8)
    signed = samples.replace(
        found,
        heats=(samples.Heat("masks", None, values), samples.Heat("relevance", None, found.vision)),
        layout=samples.replace(found.layout, source=MEASURED),
    )
    value = samples.page(3)
    value["panes"][0] = payload.pane(signed, key="a", label="A", methods=samples.METHODS)
    show(page, bench, value)
    expect(pane(page, "a")).to_contain_text(f"Tokens spent: 64; {WORDS['source_measured']}")
    expect(pane(page, "b")).to_contain_text("places as for Idefics3, SmolVLM")
    chosen_map(page, "masks")
    red, _, blue, _ = colour(picture(page, "a"), 0.31, 0.44)
    assert red > blue + 60
    red, _, blue, _ = colour(picture(page, "a"), 0.81, 0.81)
    assert blue > red + 60
    legend = pane(page, "a").locator(".vm-lens-legend span").all_inner_texts()
    most = f"{np.abs(values).max():.3g}"
    assert legend[:2] == [f"\u2212{most}", most]
    expect(pane(page, "c")).to_contain_text("25 % of the picture is not seen by this model")
    expect(pane(page, "a")).not_to_contain_text("not seen by this model")
    margin = np.asarray([colour(picture(page, "c"), 0.02, y / 100)[:3] for y in range(2, 30, 3)])
    assert np.ptp(margin, axis=1).max() < 40
    picture(page, "c").hover(position={"x": 4, "y": 20})
    expect(pane(page, "c").locator(".vm-lens-cursor")).to_have_text(WORDS["unseen"])


@pytest.mark.browser
def test_the_answer_tells_how_much_the_image_mattered(page: Page, bench: Bench) -> None:
    show(page, bench)
    tokens = pane(page, "a").get_by_role("group").first.get_by_role("button")
    assert tokens.all_inner_texts() == [WORDS["whole"], *samples.ANSWER]
    assert page.locator(".vm-lens-tokens b").count() == 0
    expect(tokens.nth(2)).to_have_attribute("title", "Probability 90\u00a0%; image mattered: +2.80 nats")
    expect(tokens.nth(5)).to_have_attribute("data-gain", "against")
    expect(pane(page, "a")).to_contain_text("up to +2.80 nats")
    strengths = [float(one.evaluate("one => one.style.getPropertyValue('--gain')")) for one in tokens.all()[1:]]
    assert strengths == pytest.approx([0.1 / 2.8, 1, 0.5, 0.15 / 2.8, 0.8 / 2.8], abs=1e-3)
    expect(tokens.nth(0)).to_have_attribute("title", WORDS["whole_title"])
    expect(pane(page, "a")).to_contain_text(WORDS["whole_note"])
    chosen_map(page, "attention")
    tokens.nth(1).click()
    expect(pane(page, "a")).not_to_contain_text(WORDS["whole_note"])


@pytest.mark.browser
def test_a_map_that_is_not_there_is_asked_for_once_and_then_drawn(page: Page, bench: Bench) -> None:
    show(page, bench)
    pane(page, "b").get_by_role("button", name="red").click()
    asked = heard(bench, "explain")
    assert asked == {"key": "b", "keys": ["a", "b"], "token": 1, "method": "relevance"}
    expect(pane(page, "b").get_by_text(WORDS["computing"])).to_be_visible()
    found = samples.finding("b", samples.tiled())
    heat = samples.Heat("relevance", 1, samples.bump(found.layout, 0.9, 0.9))
    later = samples.replace(found, heats=(*found.heats, heat))
    made = payload.pane(later, key="b", label="SmolVLM 256M Instruct", methods=samples.METHODS)
    bench.answer = samples.page() | {"panes": [samples.panes()[0], made]}
    pane(page, "a").get_by_role("button", name="cir").click()
    expect(pane(page, "a").get_by_role("button", name=WORDS["compute"])).to_be_visible()
    pane(page, "b").get_by_role("button", name="red").click()
    expect(pane(page, "b").locator(".vm-lens-legend").first).to_be_visible()
    assert sum(colour(picture(page, "b"), 0.9, 0.9)[:3]) > sum(colour(picture(page, "b"), 0.1, 0.9)[:3]) + 150


@pytest.mark.browser
def test_a_badge_that_is_not_there_can_be_asked_for(page: Page, bench: Bench) -> None:
    control = samples.Method("random", "Random", "control", "nothing")
    states = {"a": "done", "b": "explaining"}

    def shown(*, busy: bool) -> dict[str, Any]:
        """Return a page of maps that were not measured; while it is busy, the second pane is at work."""
        found = []
        for key, state in states.items():
            one = samples.finding(key)
            heats = [samples.replace(heat, badge=None) for heat in one.heats]
            bare = samples.replace(one, heats=(*heats, samples.Heat("random", None, one.vision)))
            methods = (*samples.METHODS, control)
            told = state if busy else "done"
            found.append(payload.pane(bare, key=key, label=key, state=told, methods=methods))
        return samples.page() | {"panes": found, "busy": busy}

    show(page, bench, shown(busy=True))
    a, b = pane(page, "a"), pane(page, "b")
    chosen_map(page, "relevance")
    measure = a.get_by_role("button", name=WORDS["measure"])
    expect(a).to_contain_text(WORDS["unmeasured"])
    expect(measure).to_be_disabled()
    expect(b).to_contain_text(WORDS["measuring"])
    bench.answer = shown(busy=False)
    page.get_by_role("button", name=WORDS["stop"]).click()
    expect(measure).to_be_enabled()
    expect(b).to_contain_text(WORDS["unmeasured"])
    bench.answer = None
    measure.click()
    assert heard(bench, "explain") == {"key": "a", "keys": ["a", "b"], "token": None, "method": "relevance"}
    expect(page.get_by_text(WORDS["measuring"])).to_have_count(2)
    # Neither what chance points at nor a head alone has a badge to be measured.
    chosen_map(page, "random")
    expect(page.get_by_text(WORDS["measuring"])).to_have_count(0)
    expect(page.get_by_text(WORDS["unmeasured"])).to_have_count(0)
    bench.answer = samples.page()
    page.get_by_role("button", name=WORDS["gather"]).click()
    chosen_map(page, "relevance")
    expect(a).to_contain_text("keeps 83 %")
    expect(page.get_by_role("button", name=WORDS["measure"])).to_have_count(0)


@pytest.mark.browser
def test_a_place_lights_the_tokens_that_rest_on_it_in_every_pane(page: Page, bench: Bench) -> None:
    show(page, bench)
    chosen_map(page, "attention")
    press_at(picture(page, "a"), 0.1, 0.45)
    for key, layout in (("a", samples.whole()), ("b", samples.tiled())):
        found, cells = samples.finding(key, layout), layout.covering(0.1, 0.45)
        values = found.heat("attention", 0).values
        boxed = [index for index, cell in enumerate(layout.cells) if cell.box]
        share = 100 * values[list(cells)].sum() / values[boxed].sum()
        told = pane(page, key).locator('[data-token="0"] small').inner_text()
        assert float(told.removesuffix("\u00a0%")) == pytest.approx(share, abs=0.5)
        expect(pane(page, key).locator(".vm-lens-lit").first).to_have_attribute("data-token", "0")
        assert pane(page, key).locator(".vm-lens-place li").count() == len(cells)
    expect(pane(page, "b").locator(".vm-lens-place")).to_contain_text("thumbnail, row 2, column 1")
    pane(page, "b").get_by_role("button", name=WORDS["read_patch"]).first.click()
    assert heard(bench, "readout") == {"key": "b", "cell": samples.tiled().covering(0.1, 0.45)[0]}


@pytest.mark.browser
def test_the_keyboard_moves_chooses_clears_and_toggles(page: Page, bench: Bench) -> None:
    show(page, bench)
    canvas = picture(page, "a")
    page.keyboard.press("Tab")
    canvas.focus()
    for key in ("ArrowLeft", "Shift+ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    expect(page.locator('[aria-live="polite"]').first).to_contain_text("row 4, column 4")
    page.keyboard.press("Enter")
    expect(pane(page, "b").get_by_text(WORDS["patches_here"])).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text(WORDS["patches_here"])).to_have_count(0)
    page.get_by_label(WORDS["rule"]).select_option("drawn")
    canvas.focus()
    page.keyboard.press("Space")
    expect(pane(page, "a")).to_contain_text("63 of 64 patches kept")
    expect(pane(page, "b")).to_contain_text("80 of 80 patches kept")
    page.keyboard.press("Space")
    expect(pane(page, "a")).to_contain_text("64 of 64 patches kept")


@pytest.mark.browser
def test_the_rejected_are_those_of_the_rule_and_python_is_told(page: Page, bench: Bench) -> None:
    show(page, bench)
    found = {"a": samples.finding("a"), "b": samples.finding("b", samples.tiled(), (0.65, 0.55))}
    for rule in ("map", "vision", "random"):
        page.get_by_label(WORDS["rule"]).select_option(rule)
        page.get_by_label(WORDS["budget"]).fill("15")
        expect(pane(page, "a")).to_contain_text(f"{ceil(0.15 * 64)} of 64 patches kept")
        bench.heard.clear()
        page.get_by_role("button", name=WORDS["reject"]).click()
        told = heard(bench, "reject")
        chosen = {"rule": rule, "method": "relevance", "token": None, "budget": 0.15}
        assert {name: told[name] for name in chosen} == chosen
        for key, one in found.items():
            boxed = [index for index, cell in enumerate(one.layout.cells) if cell.box]
            ranks = random_order(one.layout, payload.ORDER_SEED)
            values = {"map": one.heat("relevance", None).values, "vision": one.vision, "random": -ranks}[rule]
            kept = order(values, boxed)[: ceil(0.15 * len(boxed))]
            assert told["rejected"][key] == sorted(set(boxed) - set(kept))


@pytest.mark.browser
def test_a_brush_rejects_in_every_pane_and_an_eraser_takes_it_back(page: Page, bench: Bench) -> None:
    show(page, bench, samples.page(3))
    page.get_by_label(WORDS["rule"]).select_option("drawn")
    page.get_by_label(WORDS["radius"]).fill("10")
    canvas = picture(page, "a")
    canvas.scroll_into_view_if_needed()
    area = canvas.bounding_box()
    before = colour(picture(page, "b"), 0.3, 0.3)

    def drag() -> None:
        page.mouse.move(area["x"] + 0.3 * area["width"], area["y"] + 0.3 * area["height"])
        page.mouse.down()
        page.mouse.move(area["x"] + 0.6 * area["width"], area["y"] + 0.3 * area["height"])
        page.mouse.up()
        settled(page)

    drag()
    page.get_by_role("button", name=WORDS["reject"]).click()
    told = heard(bench, "reject")["rejected"]
    expected = {
        key: [index for index, cell in enumerate(layout.cells) if cell.box and near(cell.box)]
        for key, layout in (("a", samples.whole()), ("b", samples.tiled()))
    }
    assert {key: told[key] for key in "ab"} == expected
    assert colour(picture(page, "b"), 0.3, 0.3) != before
    page.get_by_label(WORDS["erase"]).check()
    drag()
    expect(page.get_by_role("button", name=WORDS["reject"])).to_be_disabled()


def near(box: samples.Box) -> bool:
    """Tell whether a box's centre lies within a tenth of the width of the line from (0.3, 0.3) to (0.6, 0.3)."""
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return np.hypot(x - np.clip(x, 0.3, 0.6), (y - 0.3) * 240 / 320) <= 0.1


@pytest.mark.browser
def test_what_the_model_sees_is_told_and_drawn_and_its_map_a_table(page: Page, bench: Bench) -> None:
    show(page, bench)
    pane(page, "b").get_by_text(WORDS["table_title"]).click()
    rows = pane(page, "b").locator("table tbody tr")
    expect(rows).to_have_count(50)
    told = pane(page, "b").locator("table tbody td:last-child").all_inner_texts()
    values = [float(one.replace("\u2212", "-")) for one in told]
    assert values == sorted(values, reverse=True)
    expect(pane(page, "b")).to_contain_text("The 50 highest of 80 patches.")
    choose(page, "cells_thumbnail")
    expect(rows).to_have_count(16)
    choose(page, "show_sees")
    seen = pane(page, "b").get_by_role("img", name="What SmolVLM 256M Instruct was shown")
    expect(seen).to_be_visible()
    expect(pane(page, "b")).to_contain_text("4 × tiles, 128 × 128 px in 4 × 4 patches; thumbnail")
    # Between the tiles there is nothing.
    assert colour(seen, 0.313, 0.25)[3] == 0
    assert colour(seen, 0.1, 0.1)[3] == 255
    expect(picture(page, "b")).to_be_hidden()


@pytest.mark.browser
def test_a_head_shows_its_map_at_once_or_is_asked_for_and_some_tokens_have_none(page: Page, bench: Bench) -> None:
    value, found = samples.page(), samples.finding("a")
    long = samples.replace(found, rows=found.rows[:2])
    value["panes"][0] = payload.pane(long, key="a", label="A", methods=samples.METHODS)
    value["panes"][1]["heads"] |= {"rows": None, "row_max": None}
    show(page, bench, value)
    bench.answer = value | {"busy": True}
    a, b = pane(page, "a"), pane(page, "b")
    for one in (a, b):
        one.get_by_text(WORDS["heads_title"]).click()
        matrix = one.locator(".vm-lens-matrix")
        matrix.focus()
        for name in ("ArrowDown", "ArrowRight", "ArrowRight", "Enter"):
            page.keyboard.press(name)
    expect(a).to_contain_text("Attention of layer 2, head 3")
    expect(a).to_contain_text("Layer 2, head 3: 37 % of its attention on the image.")
    expect(a).to_contain_text("attention was kept for the first 2 tokens")
    asked = {"key": "b", "layer": 1, "head": 2, "token": None}
    assert heard(bench, "pick_head") == asked
    # What is asked for waits for what is running.
    expect(b).to_contain_text(WORDS["head_waits"])
    expect(a).not_to_contain_text(WORDS["head_waits"])
    b.locator(".vm-lens-matrix").press("Enter")
    page.get_by_role("button", name=WORDS["stop"]).click()
    heard(bench, "stop")
    assert [data for name, data in bench.heard if name == "pick_head"] == [asked]
    # The first tokens have their attention, the last has none, and is not given that of all.
    a.locator('[data-token="1"]').click()
    expect(a).to_contain_text("Attention of layer 2, head 3")
    a.locator('[data-token="4"]').click()
    expect(a.get_by_text(WORDS["no_attention"])).to_have_count(2)
    expect(a.locator(".vm-lens-matrix")).to_be_hidden()
    expect(a).not_to_contain_text(WORDS["computing"])
    expect(a).not_to_contain_text("37 %")
    a.get_by_role("button", name=WORDS["head_back"]).click()
    a.get_by_role("button", name=WORDS["whole"]).click()
    expect(a).to_contain_text("Gradient × attention (")


@pytest.mark.browser
def test_the_difference_is_blue_where_the_first_has_more_and_orange_where_the_second_has(
    page: Page, bench: Bench
) -> None:
    show(page, bench)
    page.get_by_text(WORDS["difference"], exact=True).click()
    canvas = page.get_by_role("img", name="Map of SmolVLM 256M Instruct less map of scenes, step 6000")
    expect(canvas).to_be_visible()
    red, _, blue, _ = colour(canvas, 0.2, 0.3)
    assert blue > red + 30
    red, _, blue, _ = colour(canvas, 0.75, 0.65)
    assert red > blue + 30
    page.get_by_label(WORDS["first"], exact=True).select_option("b")
    page.get_by_label(WORDS["second"], exact=True).select_option("a")
    swapped = page.get_by_role("img", name="Map of scenes, step 6000 less map of SmolVLM 256M Instruct")
    red, _, blue, _ = colour(swapped, 0.75, 0.65)
    assert blue > red + 30


@pytest.mark.browser
def test_badge_result_without_and_readout_are_told(page: Page, bench: Bench) -> None:
    value = samples.page()
    value["panes"][0] = payload.pane(
        samples.finding("a"),
        key="a",
        label="scenes",
        methods=samples.METHODS,
        change=samples.change(),
        readout=samples.readout(),
    )
    value["panes"][1]["maps"][1]["rows"][0]["badge"]["by_chance"] = True
    show(page, bench, value)
    expect(pane(page, "a")).to_contain_text("keeps 83 % of the probability per token; a random 20 % keeps 31 %.")
    expect(pane(page, "a")).not_to_contain_text(WORDS["by_chance"])
    expect(pane(page, "b")).to_contain_text(WORDS["by_chance"])
    expect(pane(page, "a").get_by_role("img", name=WORDS["spark"])).to_be_visible()
    expect(pane(page, "a")).to_contain_text(
        "Probability per token of the original answer: 84 % before, 12 % after (\u221272.0 points)"
    )
    expect(pane(page, "a").locator("mark")).to_have_text(["blue", "A", "square"])
    press_at(picture(page, "a"), 0.05, 0.05)
    assert pane(page, "a").locator("table q").all_inner_texts()[:3] == ["red", " circle", "<i>"]


@pytest.mark.browser
def test_states_are_told_and_what_was_chosen_stays_while_evidence_is_gathered(page: Page, bench: Bench) -> None:
    value = samples.page(4)
    value["panes"][1] = payload.pane(None, key="b", label="B", state="generating", message="Answering, 3 tokens")
    show(page, bench, value)
    expect(page.get_by_role("button", name=WORDS["stop"])).to_be_disabled()
    expect(pane(page, "b")).to_have_attribute("aria-busy", "true")
    expect(pane(page, "b")).to_contain_text("Answering, 3 tokens")
    expect(pane(page, "d")).to_contain_text("Its files are gone: download it again.")
    expect(pane(page, "a")).to_have_attribute("aria-busy", "false")
    chosen_map(page, "attention")
    pane(page, "a").get_by_role("button", name="cir").click()
    bench.answer = samples.page(4, busy=True, message="16 of 64 masks")
    page.get_by_role("button", name=WORDS["gather"]).click()
    assert heard(bench, "gather") == {"token": 2, "method": "masks"}
    expect(page.get_by_text("16 of 64 masks")).to_be_visible()
    expect(page.get_by_label(WORDS["map"], exact=True)).to_have_value("masks")
    expect(pane(page, "b")).to_have_attribute("aria-busy", "false")
    expect(page.locator('[data-token="2"][aria-pressed="true"]')).to_have_count(3)
    bench.answer = None
    page.get_by_role("button", name=WORDS["stop"]).click()
    assert heard(bench, "stop") == {}


@pytest.mark.browser
def test_a_timeline_is_run_along_at_once(page: Page, bench: Bench) -> None:
    show(page, bench, samples.timeline())
    expect(page.locator(".vm-lens-step")).to_have_count(4)
    expect(page.locator(".vm-lens-best")).to_contain_text("★ step 2000")
    expect(page.get_by_text("★ p(reference) is highest and steady.")).to_be_visible()
    expect(page.get_by_role("heading", name="step 2000")).to_be_visible()
    canvas = page.locator(".vm-lens-picture").first
    best = colour(canvas, 0.5, 0.5)
    page.get_by_role("slider", name=WORDS["scrub"]).fill("0")
    expect(page.get_by_role("heading", name="step 100", exact=True)).to_be_visible()
    assert sum(colour(canvas, 0.9, 0.5)[:3]) > sum(colour(canvas, 0.1, 0.5)[:3])
    assert colour(canvas, 0.5, 0.5) != best
    page.get_by_role("button", name="step 6000").click()
    expect(page.get_by_role("slider", name=WORDS["scrub"])).to_have_value("3")
    expect(page.get_by_role("button", name="step 6000")).to_have_attribute("aria-pressed", "true")
    # A step has the maps that it has.
    page.locator('[data-token="1"]').click()
    expect(page.get_by_text(WORDS["no_map"])).to_be_visible()
    expect(page.get_by_role("button", name=WORDS["compute"])).to_have_count(0)
    page.locator('[data-token="null"]').click()
    page.set_viewport_size({"width": 390, "height": 900})
    for index in (0, 3):
        page.get_by_role("slider", name=WORDS["scrub"]).fill(str(index))
        expect(page.locator(".vm-lens-step").nth(index)).to_be_in_viewport(ratio=0.95)
    assert bench.heard == []


@pytest.mark.browser
@pytest.mark.parametrize("mode", ["lens", "timeline"])
def test_accessible_and_nothing_escapes(page: Page, bench: Bench, mode: str) -> None:
    value = samples.page(4) if mode == "lens" else samples.timeline()
    if mode == "lens":
        value["panes"][0] = payload.pane(
            samples.finding("a"),
            key="a",
            label="scenes-with-a-very-long-name-" * 4,
            methods=samples.METHODS,
            change=samples.change(),
            readout=samples.readout(),
        )
        value["panes"][1]["answer"]["tokens"][3]["text"] = "interminable" * 12
    show(page, bench, value)
    chosen_map(page, "relevance")
    for summary in page.locator("summary:visible").all():
        summary.click()
    press_at(page.locator(".vm-lens-picture").first, 0.4, 0.4)
    page.add_style_tag(content="* { transition: none !important; animation: none !important; }")
    page.evaluate(axe_source())
    # A look changes nothing but colours, and a width none of them.
    contrast = "{ runOnly: ['color-contrast'] }"
    for look, width, rules in (("light", 1280, "{}"), ("light", 390, "{}"), ("dark", 390, contrast)):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("dark => document.body.classList.toggle('dark', dark)", look == "dark")
        settled(page)
        found = page.evaluate(f"axe.run('.vm-lens', {rules})")["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] != "minor"] == [], look
        assert outside(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        tops = page.locator(".vm-lens-pane").evaluate_all("all => all.map((one) => one.getBoundingClientRect().top)")
        assert len(set(tops)) == (1 if width > 1000 else len(tops))


def outside(page: Page) -> list[str]:
    """Return what stands beyond the right edge of its pane."""
    return page.evaluate("""[...document.querySelectorAll('.vm-lens-pane')].flatMap((pane) => {
        const right = pane.getBoundingClientRect().right;
        return [...pane.querySelectorAll('*')].filter((one) => !one.closest('.vm-lens-scroll, .vm-hidden')
            && one.getBoundingClientRect().right > right + 1).map((one) => one.outerHTML.slice(0, 120));
    })""")
