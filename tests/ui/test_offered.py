"""The page follows what is offered: choices that came, that went, and that a visitor had made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio_client import Client, handle_file
from playwright.sync_api import Page as Browsing
from playwright.sync_api import expect

from microscope.catalog.spec import BadEntry, Catalog, ModelSpec
from microscope.ui import text
from microscope.ui.app import App
from microscope.ui.compare.layout import build as build_compare
from microscope.ui.compare.layout import first_choice
from microscope.ui.evaluate import words
from microscope.ui.evaluate.layout import build as build_evaluate
from microscope.ui.lens.layout import build as build_lens
from microscope.ui.models.layout import build as build_models
from microscope.ui.offered import Following, Offer, Page, offer_of, one, several, wire
from tests.ui.test_page import choose

SPECS = tuple(ModelSpec(key, key.upper(), f"org/{key}", run="r", step=number) for number, key in enumerate("abcd"))
CATALOG = Catalog(SPECS)
NEW = replace(SPECS[0], key="new", label="New one", run=None, step=None)
SKIP = gr.skip()


def drawn(*, movable: bool = True) -> tuple[gr.Blocks, Page]:
    """Return the tabs as they are drawn over the catalogue."""
    with gr.Blocks() as demo:
        page = Page(
            build_compare(CATALOG, (), Path()),
            build_lens(CATALOG, (), Path(), list(offer_of(CATALOG).runs)),
            build_evaluate(CATALOG),
            build_models([(spec.label, spec.key) for spec in SPECS], movable=movable, signs_in=False),
        )
    return demo, page


def followed(catalog: Catalog, *values: Any) -> list[Any]:
    """Return what a page that knows the catalogue gets once another is offered."""
    updates = [update for _, update in drawn()[1].fields()]
    return Following(lambda: catalog, updates).follow(offer_of(CATALOG), *values)


VALUES = (["a", "c"], ["d"], [], None, "r", None, None, "b")


def test_what_the_page_knows_is_left_alone() -> None:
    assert followed(CATALOG, *VALUES) == [SKIP] * 9


def test_what_came_can_be_chosen_and_the_choice_stays_as_it_is() -> None:
    offer, compare, lens, evaluate, *_, model = followed(Catalog((*SPECS, NEW)), *VALUES)
    choices = [("A", "a"), ("B", "b"), ("C", "c"), ("D", "d"), ("New one", "new")]
    assert offer.keys == ["a", "b", "c", "d", "new"]
    assert compare == lens == evaluate == gr.update(choices=choices)
    assert model == gr.update(choices=choices, value="b")


def test_what_is_gone_is_let_go_of() -> None:
    _, compare, lens, evaluate, _, run, *_, model = followed(Catalog(SPECS[2:]), *VALUES)
    choices = [("C", "c"), ("D", "d")]
    assert compare == gr.update(choices=choices, value=["c"])
    assert lens == evaluate == gr.update(choices=choices)
    assert run == gr.update(choices=[("r", "r")], value="r")
    assert model == gr.update(choices=choices, value="c")


def test_a_label_that_changed_is_shown_and_the_choice_stays() -> None:
    named = replace(SPECS[0], label="A, well trained")
    _, compare, *_ = followed(Catalog((named, *SPECS[1:])), *VALUES)
    assert compare == gr.update(choices=[("A, well trained", "a"), ("B", "b"), ("C", "c"), ("D", "d")])


def test_what_cannot_be_used_and_runs_that_came_or_went_are_shown() -> None:
    bad = (BadEntry("large", "It needs <b>80 GB</b>."),)
    *_, greyed, run, note, follow, _ = followed(Catalog(SPECS[:1], bad), *VALUES)
    assert greyed["visible"] is True
    assert "It needs &lt;b&gt;80 GB&lt;/b&gt;." in greyed["value"]
    assert run == gr.update(choices=[], value=None)
    assert text.NO_RUNS in note
    assert follow == gr.update(interactive=False)


def test_where_nothing_is_left_of_a_choice_the_page_begins_anew() -> None:
    update = several(first_choice)
    offer = Offer((("X", "x"), ("Y", "y")), (), ())
    assert update(offer, ["a", "b"])["value"] == ["x", "y"]
    assert "value" not in update(offer, [])
    assert "value" not in update(offer, None)
    assert update(Offer((), (), ()), ["a"])["value"] == []


def test_a_choice_of_one_falls_back_on_the_first() -> None:
    assert one([("X", "x"), ("Y", "y")], "y")["value"] == "y"
    assert one([("X", "x")], "gone")["value"] == "x"
    assert one([], "gone")["value"] is None


def test_where_nothing_can_be_moved_there_is_one_choice_less() -> None:
    assert len(drawn()[1].fields()) - len(drawn(movable=False)[1].fields()) == 1


def test_opening_the_page_or_a_tab_is_private_and_waits_in_no_queue() -> None:
    demo, page = drawn()
    with demo:
        with gr.Tab("One") as here:
            pass
        wire(demo, [here], page, lambda: CATALOG)
    assert [(fn.api_visibility, fn.queue) for fn in demo.fns.values()] == [("private", False)] * 2
    assert [event for fn in demo.fns.values() for _, event in fn.targets] == ["load", "select"]


@pytest.fixture
def came(app: App) -> Iterator[ModelSpec]:
    """Offer one more checkpoint in the running app: the last one under another name."""
    before = app.engine.catalog
    spec = replace(before.specs[-1], key="came", label="Came since the start", run=None, step=None)
    app.engine.offered.change(lambda catalog: replace(catalog, specs=(*catalog.specs, spec)))
    yield spec
    app.engine.offered.change(lambda _: before)


def test_a_program_may_ask_what_came_since_the_start(came: ModelSpec, url: str, digit: Path) -> None:
    client = Client(url, verbose=False)
    asked = (handle_file(str(digit)), "What is the red object?", [came.key], 8, 0, 1, 0, 1, 0, 0)
    (answer,) = client.predict(*asked, api_name="/compare")
    assert (answer["checkpoint"], answer["label"], answer["state"]) == ("came", came.label, "done")
    assert answer["text"]


@pytest.mark.browser
def test_an_open_page_finds_it_in_every_tab_and_hears_that_it_is_gone(
    page: Browsing, app: App, came: ModelSpec, digit: Path
) -> None:
    # The page was opened before.
    box = page.get_by_role("checkbox", name=came.label, exact=True)
    for name in (text.LENS, words.TAB, text.COMPARE):
        page.get_by_role("tab", name=name, exact=True).click()
        expect(box).to_be_visible()
    choose(page, app, came.label)
    app.engine.offered.change(lambda catalog: replace(catalog, specs=catalog.specs[:-1]))
    page.locator("input[type=file]").first.set_input_files(digit)
    page.locator(".image-container img, .image-frame img").first.wait_for()
    page.get_by_role("textbox", name=text.QUESTION).fill("What is the red object?")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text(f"There is no checkpoint '{came.key}' in the catalogue").first).to_be_visible()
    page.reload()
    expect(page.get_by_role("checkbox", checked=True).first).to_be_visible()
    expect(box).to_have_count(0)
