"""The tab as drawn: its controls say what is allowed, and what is not available is said and escaped."""

from __future__ import annotations

from dataclasses import replace

import gradio as gr
import pytest

from microscope.catalog.spec import BadEntry
from microscope.engine.build import Engine
from microscope.records import GenerationSettings
from microscope.tiny.examples import read_examples
from microscope.ui import text
from microscope.ui.compare.actions import Visit
from microscope.ui.compare.controls import BOUNDS, read_settings
from microscope.ui.compare.layout import Components, build, first_choice
from tests.ui.compare.conftest import EXAMPLES

SETTINGS = GenerationSettings(max_new_tokens=48, temperature=0.5, seed=3, image_budget=2_000_000)
BAD = (BadEntry("large", "It needs 80 GB & <b>more</b>."),)


@pytest.fixture(scope="module")
def drawn(engine: Engine) -> tuple[gr.Blocks, Components]:
    first, *rest = engine.catalog.specs
    catalog = replace(engine.catalog, specs=(replace(first, generation=SETTINGS), *rest), bad=BAD)
    with gr.Blocks() as demo:
        tab = build(catalog, read_examples(EXAMPLES), EXAMPLES)
    return demo, tab


def test_the_controls_start_with_the_catalogues_settings(drawn: tuple[gr.Blocks, Components]) -> None:
    controls = drawn[1].controls.listed()
    assert read_settings([one.value for one in controls]) == SETTINGS


def test_the_controls_have_the_names_and_bounds_that_are_checked(drawn: tuple[gr.Blocks, Components]) -> None:
    controls = drawn[1].controls.listed()
    assert [(one.label, one.minimum, one.maximum) for one in controls] == list(BOUNDS)


def test_every_checkpoint_can_be_chosen_and_some_are(drawn: tuple[gr.Blocks, Components], keys: list[str]) -> None:
    group = drawn[1].checkpoints
    assert [key for _, key in group.choices] == keys
    assert group.value == first_choice(keys)


@pytest.mark.parametrize(("count", "chosen"), [(0, []), (1, [0]), (3, [0, 1, 2]), (4, [0, 2, 3]), (9, [0, 4, 8])])
def test_the_first_choice_spans_the_catalogue(count: int, chosen: list[int]) -> None:
    assert first_choice([str(number) for number in range(count)]) == [str(number) for number in chosen]


def test_what_is_not_available_is_listed_with_its_reason_and_escaped(drawn: tuple[gr.Blocks, Components]) -> None:
    pages = [one.value for one in drawn[0].blocks.values() if isinstance(one, gr.HTML)]
    (listed,) = [page for page in pages if text.UNAVAILABLE in page]
    assert "<b>large</b>: It needs 80 GB &amp; &lt;b&gt;more&lt;/b&gt;." in listed


def test_nothing_that_needs_a_comparison_can_be_pressed_yet(drawn: tuple[gr.Blocks, Components]) -> None:
    tab = drawn[1]
    waiting = (tab.stop, tab.repeat, tab.download_json, tab.download_png)
    assert [one.interactive for one in waiting] == [False] * 4
    assert tab.run.interactive is not False
    assert tab.consent.visible is False
    assert tab.consent.value is False
    assert tab.visit.value == Visit()


def test_every_preset_has_its_button(drawn: tuple[gr.Blocks, Components]) -> None:
    assert [button.value for button in drawn[1].presets] == [name for name, _ in text.PRESETS]
