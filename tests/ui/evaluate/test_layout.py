"""The Evaluate tab as drawn: what can be chosen, what is chosen, and what cannot be pressed yet."""

from __future__ import annotations

import gradio as gr
import pytest
from gradio.components.base import FormComponent

from microscope.engine.build import Engine
from microscope.evaluation.ablation import FACTORS, MOST_FACTORS
from microscope.evaluation.scoring import SCORERS
from microscope.ui.evaluate import words
from microscope.ui.evaluate.choices import FIELDS, read_choices
from microscope.ui.evaluate.layout import Components, build


@pytest.fixture(scope="module")
def drawn(engine: Engine) -> tuple[gr.Blocks, Components]:
    with gr.Blocks() as demo:
        tab = build(engine.catalog, limit=200)
    return demo, tab


def test_the_shipped_set_is_chosen_and_other_sources_are_hidden(drawn: tuple[gr.Blocks, Components]) -> None:
    setting = drawn[1].setting
    assert [key for _, key in setting.source.choices] == [words.SHIPPED, words.UPLOAD, words.HUB]
    assert setting.source.value == words.SHIPPED
    hidden = (setting.upload, setting.hub, setting.mapping, setting.check, setting.problems)
    assert [one.visible for one in hidden] == [False] * 5
    assert setting.inputs == [setting.source, setting.file, setting.name, setting.split]
    assert [one.label for one in setting.columns] == [words.COLUMN_NAMES[name] for name in FIELDS]


def test_every_checkpoint_scorer_and_factor_can_be_chosen(drawn: tuple[gr.Blocks, Components], engine: Engine) -> None:
    choosing = drawn[1].choosing
    assert [key for _, key in choosing.checkpoints.choices] == [spec.key for spec in engine.catalog.specs]
    assert [key for _, key in choosing.scorer.choices] == [one.key for one in SCORERS]
    assert len(choosing.factors) == MOST_FACTORS
    for factor, _ in choosing.factors:
        assert [key for _, key in factor.choices] == ["", *(one.key for one in FACTORS)]


def test_the_fields_first_values_are_a_run(drawn: tuple[gr.Blocks, Components], engine: Engine) -> None:
    choices = read_choices([one.value for one in drawn[1].choosing.inputs])
    assert list(choices.checkpoints) == [spec.key for spec in engine.catalog.specs]
    assert (choices.scorer, choices.limit, choices.at_random) == (SCORERS[0].key, 200, True)
    assert (choices.baseline, choices.margin, choices.early, choices.factors) == (None, 0, False, ())


def test_nothing_that_needs_a_run_can_be_pressed_yet(drawn: tuple[gr.Blocks, Components]) -> None:
    tab = drawn[1]
    assert [one.interactive for one in (tab.running.stop, *tab.showing.files)] == [False] * 5
    assert tab.running.run.interactive is not False
    assert words.NO_RESULTS in tab.showing.verdict.value
    assert (tab.showing.findings.value, tab.showing.gallery.value) == ("", None)


def test_every_input_has_a_label(drawn: tuple[gr.Blocks, Components]) -> None:
    inputs = [one for one in drawn[0].blocks.values() if isinstance(one, (FormComponent, gr.File))]
    assert len(inputs) > 20
    assert [one for one in inputs if not one.label] == []
