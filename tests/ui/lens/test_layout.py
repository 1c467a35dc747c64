"""The Lens tab as drawn: what can be chosen, what is chosen, and what cannot be pressed yet."""

from __future__ import annotations

import gradio as gr
import pytest
from gradio.components.base import FormComponent

from microscope.engine.build import Engine
from microscope.lens.methods import METHODS
from microscope.tiny.examples import read_examples
from microscope.ui import text
from microscope.ui.lens.layout import Components, build
from microscope.ui.lens.view import Look
from microscope.ui.picture_input import PictureInput
from tests.ui.compare.conftest import EXAMPLES
from tests.ui.lens.conftest import RUN


def draw(engine: Engine, runs: list[str]) -> tuple[gr.Blocks, Components]:
    with gr.Blocks() as demo:
        tab = build(engine.catalog, read_examples(EXAMPLES), EXAMPLES, runs)
    return demo, tab


@pytest.fixture(scope="module")
def drawn(engine: Engine) -> tuple[gr.Blocks, Components]:
    return draw(engine, [RUN])


def test_every_checkpoint_can_be_chosen_and_the_two_ends_of_the_catalogue_are(
    drawn: tuple[gr.Blocks, Components], engine: Engine
) -> None:
    keys = [spec.key for spec in engine.catalog.specs]
    group = drawn[1].asking.checkpoints
    assert [key for _, key in group.choices] == keys
    assert group.value == [keys[0], keys[-1]]


def test_every_method_can_be_kept_as_a_picture(drawn: tuple[gr.Blocks, Components]) -> None:
    method = drawn[1].keeping.method
    assert [key for _, key in method.choices] == [one.key for one in METHODS]
    assert method.value == "relevance"


def test_nothing_that_needs_a_look_can_be_pressed_yet(drawn: tuple[gr.Blocks, Components]) -> None:
    tab = drawn[1]
    waiting = (tab.asking.stop, tab.keeping.png, tab.keeping.json, tab.timeline.stop)
    assert [one.interactive for one in waiting] == [False] * 4
    assert tab.asking.look.interactive is not False
    assert (tab.view.value, tab.timeline.view.value) == (None, None)
    assert (tab.state.value, tab.timeline.state.value) == (Look(), Look())


def test_what_handlers_take_is_in_their_order(drawn: tuple[gr.Blocks, Components]) -> None:
    asking = drawn[1].asking
    assert asking.inputs == [asking.image, asking.question, asking.checkpoints]


def test_a_run_can_be_followed_and_without_one_it_is_said(engine: Engine, drawn: tuple[gr.Blocks, Components]) -> None:
    demo, tab = drawn
    assert (tab.timeline.run.value, tab.timeline.follow.interactive) == (RUN, True)
    assert text.TIMELINE_HINT in pages(demo)
    demo, tab = draw(engine, [])
    assert (tab.timeline.run.value, tab.timeline.follow.interactive) == (None, False)
    assert text.NO_RUNS in pages(demo)


def test_every_input_and_picture_has_a_label(drawn: tuple[gr.Blocks, Components]) -> None:
    inputs = [one for one in drawn[0].blocks.values() if isinstance(one, (FormComponent, PictureInput, gr.Gallery))]
    assert len(inputs) >= 7
    assert [one for one in inputs if not one.label] == []


def pages(demo: gr.Blocks) -> str:
    """Return what stands on the tab beside the components."""
    return "".join(
        one.value for one in demo.blocks.values() if isinstance(one, gr.HTML) and isinstance(one.value, str)
    )
