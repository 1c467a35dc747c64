"""The handlers: everything for the owner, nothing for anybody else, and no word to the Hub until the tab is opened."""

from __future__ import annotations

import re
from dataclasses import replace

import gradio as gr
import pytest

from microscope.engine.answers import ANSWER
from microscope.errors import UserError
from microscope.settings import Settings
from microscope.space.checklist import BEGIN
from microscope.space.facts import Offered, Storage
from microscope.space.sleeping import Sleep
from microscope.ui.app import App
from microscope.ui.space import words
from microscope.ui.space.events import Handlers, source_of
from tests.space.test_checklist import ALONE, facts_on
from tests.ui.space.samples import FRESH, FakeSpace, page_of

NOBODY = (gr.Request(), None)
HIDDEN = (gr.update(visible=False), gr.update(value="", visible=False))


def test_the_owner_of_a_fresh_duplicate_sees_what_is_missing() -> None:
    tab, banner = Handlers(FakeSpace().source()).show_setup(*NOBODY)
    assert tab == gr.update(visible=True)
    assert banner["visible"] is True
    assert "hf spaces volumes set ada/microscope" in banner["value"]
    assert BEGIN in banner["value"]


def test_a_visitor_gets_nothing() -> None:
    space = FakeSpace(owner=False)
    assert Handlers(space.source()).show_setup(*NOBODY) == HIDDEN
    with pytest.raises(UserError, match=r"^Only the owner may do this"):
        Handlers(space.source()).draw_setup(*NOBODY)
    assert space.asked == []


def test_there_is_no_banner_where_nothing_is_missing_nor_on_a_machine_of_ones_own() -> None:
    done = facts_on("zero-a10g", storage=Storage(FRESH.storage.folder, FRESH.storage.folder))
    for facts in (done, ALONE):
        tab, banner = Handlers(FakeSpace(facts).source()).show_setup(*NOBODY)
        assert tab == gr.update(visible=True)
        assert (banner["value"], banner["visible"]) == ("", False)


def test_where_no_embedded_checkpoint_is_offered_none_is_promised() -> None:
    bare = facts_on("t4-small", offered=Offered("mine", ("a",), 0))
    assert BEGIN not in Handlers(FakeSpace(bare).source()).show_setup(*NOBODY)[1]["value"]


def test_the_tab_tells_the_list_the_sleep_and_the_costs() -> None:
    space = FakeSpace(facts_on("t4-small"), sleep=Sleep())
    intro, found, costs = Handlers(space.source()).draw_setup(*NOBODY)
    assert "https://huggingface.co/spaces/ada/microscope/settings" in intro
    assert "hf spaces settings ada/microscope --sleep-time 3600" in found
    assert found.index("Sleep") < found.index("Storage")
    assert "$0.40" in costs
    assert space.asked == ["ada/microscope"]


def test_opening_the_page_asks_the_hub_nothing() -> None:
    space = FakeSpace()
    Handlers(space.source()).show_setup(*NOBODY)
    assert space.asked == []


def test_hardware_newer_than_the_table_of_prices_is_not_called_free() -> None:
    _, found, costs = Handlers(FakeSpace(facts_on("local-cuda", asked=None), sleep=Sleep()).source()).draw_setup(
        *NOBODY
    )
    assert words.NOT_KNOWN in costs
    assert words.NOT_BILLED not in costs
    assert "costs you nothing" not in found


def test_on_a_machine_of_ones_own_the_tab_is_about_that_machine() -> None:
    space = FakeSpace(ALONE)
    intro, found, costs = Handlers(space.source()).draw_setup(*NOBODY)
    assert words.HERE_ONLY.replace("'", "&#x27;") in intro
    assert "microscope space create" in found
    assert words.NOT_BILLED in costs
    assert space.asked == []


def test_every_event_is_private_and_waits_in_no_queue() -> None:
    demo = page_of(FakeSpace())
    assert [(fn.name, fn.api_visibility, fn.queue) for fn in demo.fns.values()] == [
        ("show_setup", "private", False),
        ("draw_setup", "private", False),
    ]


def test_what_is_billed_is_the_spaces_hardware_although_its_gpu_cannot_be_used(app: App, settings: Settings) -> None:
    assert app.engine.machine.kind == "cpu"
    there = replace(
        settings,
        on_space=True,
        space_id="ada/microscope",
        platform=replace(settings.platform, accelerator="t4-small"),
    )
    source = source_of(app.engine, there, lambda *_: True)
    assert source.facts().machine.tier.name == "t4-small"
    _, found, costs = Handlers(replace(source, sleep=lambda _: Sleep())).draw_setup(*NOBODY)
    assert "$0.40 an hour" in costs
    assert words.FREE not in re.findall("<dd>(.*?)</dd>", costs)
    assert "It never sleeps, and is billed day and night: $0.40 an hour" in found


def test_the_source_is_the_running_app(app: App, settings: Settings) -> None:
    source = source_of(app.engine, settings, lambda *_: True)
    before = source.running()
    assert before.machine is app.engine.machine
    app.engine.answerer.door.ledger.book(ANSWER, 2.0, 1, 0, whole=True)
    after = source.running()
    assert after.usage == app.engine.answerer.door.ledger.usage(ANSWER)
    assert after.spent[ANSWER].calls > 0
    assert 0 <= before.uptime <= after.uptime
    assert source.facts().space is None
    # Off the network nobody is asked.
    assert source.sleep("ada/microscope") == Sleep(known=False)
