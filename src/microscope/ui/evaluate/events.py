"""Connects the Evaluate tab's components to its handlers; decides nothing itself."""

from __future__ import annotations

from typing import Any

import gradio as gr

from microscope.ui.compare.events import LIGHT, PRIVATE, lane
from microscope.ui.compare.layout import Components as Compare
from microscope.ui.errors import shown as sentences
from microscope.ui.evaluate.gallery import wire_gallery
from microscope.ui.evaluate.handlers import Handlers
from microscope.ui.evaluate.layout import Components
from microscope.ui.lens.layout import Components as Lens

EVALUATE = "evaluate"
# Sets are read beside what the accelerator does, a few at a time.
READING: dict[str, Any] = {"concurrency_id": "sets", "concurrency_limit": 4, "show_progress": "hidden", **PRIVATE}


def wire(here: gr.Tab, tab: Components, handlers: Handlers) -> None:
    """Connect everything on the tab but the way from an item to another tab."""
    _wire_set(tab, handlers)
    _wire_choices(here, tab, handlers)
    _wire_run(tab, handlers)
    _wire_results(tab, handlers)


def _wire_set(tab: Components, handlers: Handlers) -> None:
    setting, choosing = tab.setting, tab.choosing
    parts = [setting.upload, setting.hub, setting.mapping, setting.check, setting.report, setting.problems]
    chosen = gr.on(
        [setting.source.input, setting.file.clear],
        handlers.source_changed,
        setting.source,
        [*parts, setting.chosen, choosing.scorer],
        **LIGHT,
    )
    chosen.then(handlers.plan, _planned(tab), tab.running.plan, **LIGHT)
    read = [setting.chosen, setting.report, setting.problems, choosing.scorer, setting.mapping]
    # A new file or dataset has its columns guessed anew; the button reads with those that were chosen.
    fresh = gr.on(
        [setting.file.upload, setting.name.submit, setting.split.submit],
        handlers.read_fresh,
        setting.inputs,
        [*read, *setting.columns],
        **READING,
    )
    again = setting.check.click(
        handlers.read_again, [*setting.inputs, *setting.columns], [*read, *setting.columns], **READING
    )
    for event in (fresh, again):
        event.then(handlers.plan, _planned(tab), tab.running.plan, **LIGHT)


def _wire_choices(here: gr.Tab, tab: Components, handlers: Handlers) -> None:
    choosing = tab.choosing
    choosing.scorer.change(handlers.scorer_note, choosing.scorer, choosing.scorer_note, **LIGHT)
    for factor, levels in choosing.factors:
        factor.input(handlers.factor_changed, factor, levels, **LIGHT)
    columns = [choosing.checkpoints, *(one for pair in choosing.factors for one in pair)]
    gr.on(
        [one.change for one in columns],
        handlers.columns_changed,
        [choosing.baseline, *choosing.inputs],
        choosing.baseline,
        trigger_mode="always_last",
        **LIGHT,
    )
    here.select(handlers.opened, [tab.setting.source], tab.setting.report, **LIGHT)
    here.select(None, None, None, js=BACK_TO_ITEMS, **PRIVATE)
    gr.on(
        [here.select, *(one.change for one in choosing.inputs)],
        handlers.plan,
        _planned(tab),
        tab.running.plan,
        trigger_mode="always_last",
        **LIGHT,
    )


def _wire_run(tab: Components, handlers: Handlers) -> None:
    running, showing, buttons = tab.running, tab.showing, [tab.running.run, tab.running.stop]
    started = running.run.click(
        sentences(handlers.run),
        _planned(tab),
        [running.progress, running.so_far, showing.gallery, tab.state, showing.verdict, showing.findings, *buttons],
        validator=handlers.validate,
        show_progress="hidden",
        **lane(zero=handlers.zero),
        **PRIVATE,
    )
    started.failure(handlers.idle, None, buttons, **LIGHT)
    asked = [tab.state, tab.choosing.baseline, tab.choosing.margin]
    done = started.then(handlers.analyse, asked, _drawn(tab), **LIGHT)
    done.then(handlers.files, [tab.state], showing.files, **LIGHT)
    done.then(handlers.plan, _planned(tab), running.plan, **LIGHT)
    running.stop.click(handlers.stop, None, None, **LIGHT)
    # What results say depends on what they are held against: that needs no new answers.
    held = gr.on(
        [tab.choosing.baseline.input, tab.choosing.margin.input],
        handlers.analyse,
        asked,
        _drawn(tab),
        trigger_mode="always_last",
        **LIGHT,
    )
    held.then(handlers.files, [tab.state], showing.files, **LIGHT)


def _wire_results(tab: Components, handlers: Handlers) -> None:
    showing = tab.showing
    wire_gallery(showing.gallery, tab.state, handlers.items)
    picked = showing.findings.pick_slice(handlers.pick_slice, [tab.state], showing.gallery, **LIGHT)
    picked.then(None, None, None, js=SHOW_ITEMS, **PRIVATE)


# The focus goes to the tab that opened, from which a keyboard goes on; the way back leads to the items again.
TO_TOP = """
() => {
  window.scrollTo(0, 0);
  document.querySelector("[role=tab][aria-selected=true]")?.focus({ preventScroll: true });
  document.querySelector("#evaluate-items").dataset.left = "for an item";
}
"""
SHOW_ITEMS = "() => document.querySelector('#evaluate-items').scrollIntoView({ block: 'start' })"
BACK_TO_ITEMS = """
() => {
  const items = document.querySelector("#evaluate-items");
  if (!items.dataset.left) return;
  delete items.dataset.left;
  requestAnimationFrame(() => items.scrollIntoView({ block: "start" }));
}
"""


def wire_opening(tabs: gr.Tabs, tab: Components, compare: Compare, lens: Lens, handlers: Handlers) -> None:
    """Connect the way from an item to the Compare tab and to the Lens, which then show its image and question."""
    gallery, asking, settings = tab.showing.gallery, lens.asking, compare.controls.listed()
    beside = [compare.image, compare.question, compare.checkpoints, compare.status, *settings]
    inside = [asking.image, asking.question, asking.checkpoints, asking.said, *settings]
    for event, handler, fields in (
        (gallery.open_compare, handlers.open_compare, beside),
        (gallery.open_lens, handlers.open_lens, inside),
    ):
        opened = event(handler, [tab.state], [tabs, *fields], **LIGHT)
        opened.then(None, None, None, js=TO_TOP, **PRIVATE)


def _planned(tab: Components) -> list[gr.components.Component]:
    return [tab.setting.source, tab.setting.chosen, *tab.choosing.inputs]


def _drawn(tab: Components) -> list[gr.components.Component]:
    return [tab.state, tab.showing.verdict, tab.showing.findings, tab.showing.gallery]
