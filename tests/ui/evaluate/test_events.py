"""How the tab is connected: what waits in which queue, what is private, and where things go."""

from __future__ import annotations

import gradio as gr
import pytest
from gradio.block_function import BlockFunction

from microscope.engine.build import Engine
from microscope.ui.compare.events import GPU_LANE, LET_IN
from microscope.ui.compare.layout import build as build_compare
from microscope.ui.evaluate.actions import EvaluateActions
from microscope.ui.evaluate.choices import FIELDS
from microscope.ui.evaluate.events import READING, wire, wire_opening
from microscope.ui.evaluate.handlers import Handlers
from microscope.ui.evaluate.layout import Components, build
from microscope.ui.lens.layout import build as build_lens
from tests.ui.evaluate.conftest import EVALSET
from tests.ui.evaluate.samples import anybody

LONG = {"run": GPU_LANE, "read_fresh": "sets", "read_again": "sets"}


@pytest.fixture
def wired(engine: Engine, actions: EvaluateActions) -> tuple[gr.Blocks, Components]:
    """Return the tab beside the two that its items are opened in, connected."""
    handlers = Handlers(actions, lambda: 0, anybody)
    with gr.Blocks() as demo:
        with gr.Tabs() as tabs:
            with gr.Tab("Compare"):
                compare = build_compare(engine.catalog, (), EVALSET)
            with gr.Tab("Lens"):
                lens = build_lens(engine.catalog, (), EVALSET, [])
            with gr.Tab("Evaluate") as here:
                tab = build(engine.catalog)
        wire(here, tab, handlers)
        wire_opening(tabs, tab, compare, lens, handlers)
    return demo, tab


def functions(demo: gr.Blocks) -> dict[str, list[BlockFunction]]:
    """Return the page's functions by name."""
    found: dict[str, list[BlockFunction]] = {}
    for fn in demo.fns.values():
        found.setdefault(fn.name, []).append(fn)
    return found


def test_only_what_takes_long_waits_and_each_in_its_lane(wired: tuple[gr.Blocks, Components]) -> None:
    queued = {fn.name: fn for fn in wired[0].fns.values() if fn.queue and fn.fn is not None}
    assert {name: fn.concurrency_id for name, fn in queued.items()} == LONG
    assert queued["run"].concurrency_limit == LET_IN
    assert queued["read_fresh"].concurrency_limit == READING["concurrency_limit"]


def test_everything_is_private(wired: tuple[gr.Blocks, Components]) -> None:
    assert {fn.api_visibility for fn in wired[0].fns.values()} == {"private"}


def test_handlers_get_what_they_take_in_their_order(wired: tuple[gr.Blocks, Components]) -> None:
    demo, tab = wired
    named = functions(demo)
    planned = [tab.setting.source, tab.setting.chosen, *tab.choosing.inputs]
    for name in ("run", "plan"):
        assert [fn.inputs for fn in named[name]] == [planned] * len(named[name])
    (again,) = named["read_again"]
    assert again.inputs == [*tab.setting.inputs, *tab.setting.columns]
    assert len(tab.setting.columns) == len(FIELDS)
    (fresh,) = named["read_fresh"]
    assert fresh.outputs == again.outputs
    asked = [tab.state, tab.choosing.baseline, tab.choosing.margin]
    assert [fn.inputs for fn in named["analyse"]] == [asked] * 2


def test_a_run_is_followed_by_what_it_says_its_files_and_a_new_plan(wired: tuple[gr.Blocks, Components]) -> None:
    demo, tab = wired
    named = functions(demo)
    (run,) = named["run"]
    assert run.targets == [(tab.running.run._id, "click")]
    after = [fn for fn in demo.fns.values() if fn.trigger_after == run._id]
    assert sorted(fn.name for fn in after) == ["analyse", "idle"]
    analysed = next(fn for fn in after if fn.name == "analyse")
    assert {fn.name for fn in demo.fns.values() if fn.trigger_after == analysed._id} == {"files", "plan"}


def test_fields_that_change_what_a_run_is_change_its_plan(wired: tuple[gr.Blocks, Components]) -> None:
    demo, tab = wired
    targets = {target for fn in functions(demo)["plan"] for target in fn.targets}
    assert {(one._id, "change") for one in tab.choosing.inputs} <= targets
