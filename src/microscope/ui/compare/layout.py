"""Draws the Compare tab and returns its components; connects nothing."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from microscope.catalog.spec import BadEntry, Catalog
from microscope.records import GenerationSettings
from microscope.tiny.examples import Example
from microscope.ui import text
from microscope.ui.checkpoints import Checkpoints, checkpoints
from microscope.ui.compare.actions import Visit
from microscope.ui.compare.columns import render
from microscope.ui.compare.controls import write_settings
from microscope.ui.picture_input import PictureInput, picture_input

FIRST_CHOICE = 3


@dataclass(frozen=True)
class Controls:
    """The generation settings, in the order in which handlers take them."""

    new_tokens: gr.Slider
    temperature: gr.Slider
    top_p: gr.Slider
    top_k: gr.Number
    penalty: gr.Slider
    seed: gr.Number
    budget: gr.Number

    def listed(self) -> list[gr.components.Component]:
        """Return the components in order."""
        return [self.new_tokens, self.temperature, self.top_p, self.top_k, self.penalty, self.seed, self.budget]


@dataclass(frozen=True)
class Components:
    """Everything on the tab that events read or write."""

    image: PictureInput
    examples: gr.Gallery
    question: gr.Textbox
    presets: tuple[gr.Button, ...]
    checkpoints: Checkpoints
    unavailable: gr.HTML
    controls: Controls
    cost: gr.HTML
    run: gr.Button
    stop: gr.Button
    status: gr.HTML
    answers: gr.HTML
    repeat: gr.Button
    first: gr.Dropdown
    second: gr.Dropdown
    difference: gr.HTML
    history: gr.Dropdown
    download_json: gr.DownloadButton
    download_png: gr.DownloadButton
    link: gr.Textbox
    link_note: gr.HTML
    consent: gr.Checkbox
    visit: gr.State


def build(catalog: Catalog, examples: tuple[Example, ...], folder: Path) -> Components:
    """Draw the tab inside the current Blocks."""
    controls = _controls(catalog.settings)
    asking = _draw_asking(catalog)
    gr.HTML(f'<h2 class="vm-small">{escape(text.EXAMPLES)}</h2>')
    gallery = draw_examples(examples, folder, "examples")
    answers = _draw_answers()
    keeping = _draw_keeping()
    history = gr.Dropdown([], label=text.HISTORY, info=text.HISTORY_HINT, interactive=True)
    return Components(
        **asking, **answers, **keeping, examples=gallery, controls=controls, history=history, visit=gr.State(Visit())
    )


def _draw_asking(catalog: Catalog) -> dict[str, Any]:
    with gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=320):
            image = picture_input(300)
            gr.HTML(f'<p class="vm-note">{escape(text.IMAGE_NOTE)}</p>')
        with gr.Column(scale=5, min_width=320):
            question = gr.Textbox(label=text.QUESTION, placeholder=text.QUESTION_HINT, lines=2, max_lines=6)
            with gr.Row():
                presets = tuple(gr.Button(name, size="sm", min_width=90) for name, _ in text.PRESETS)
            keys = [spec.key for spec in catalog.specs]
            chosen = checkpoints(catalog.specs, first_choice(keys), text.CHECKPOINTS_HINT)
            unavailable = gr.HTML(greyed(catalog.bad), visible=bool(catalog.bad))
            cost = gr.HTML('<p class="vm-cost"></p>')
            with gr.Row():
                run = gr.Button(text.RUN, variant="primary", min_width=120, elem_id="run")
                stop = gr.Button(text.STOP, variant="stop", interactive=False, min_width=120)
    return {
        "image": image,
        "question": question,
        "presets": presets,
        "checkpoints": chosen,
        "unavailable": unavailable,
        "cost": cost,
        "run": run,
        "stop": stop,
    }


def draw_examples(examples: tuple[Example, ...], folder: Path, elem_id: str) -> gr.Gallery:
    """Draw the examples to choose from."""
    return gr.Gallery(
        [(str(folder / one.file), one.title) for one in examples],
        label=text.EXAMPLES,
        show_label=False,
        columns=8,
        height="auto",
        object_fit="cover",
        allow_preview=False,
        interactive=False,
        buttons=[],
        elem_id=elem_id,
        elem_classes="vm-examples",
    )


def _draw_answers() -> dict[str, Any]:
    with gr.Row(elem_classes="vm-head"):
        gr.HTML(f"<h2>{escape(text.ANSWERS)}</h2>")
        status = gr.HTML("", elem_classes="vm-status")
    answers = gr.HTML(render(()), elem_id="answers")
    repeat = gr.Button(text.REPEAT, size="sm", interactive=False)
    with gr.Accordion(text.DIFFERENCE, open=False):
        with gr.Row():
            first = gr.Dropdown([], label=text.FIRST, interactive=True, min_width=140)
            second = gr.Dropdown([], label=text.SECOND, interactive=True, min_width=140)
        difference = gr.HTML(f'<p class="vm-note">{escape(text.NOTHING_TO_DIFFER)}</p>')
    return {
        "status": status,
        "answers": answers,
        "repeat": repeat,
        "first": first,
        "second": second,
        "difference": difference,
    }


def _draw_keeping() -> dict[str, Any]:
    with gr.Accordion(text.KEEP, open=False):
        with gr.Row():
            download_json = gr.DownloadButton(text.EXPORT_JSON, size="sm", interactive=False, min_width=140)
            download_png = gr.DownloadButton(text.EXPORT_PNG, size="sm", interactive=False, min_width=140)
        consent = gr.Checkbox(label=text.CONSENT, visible=False)
        link = gr.Textbox(label=text.LINK, interactive=False, max_lines=2)
        link_note = gr.HTML(f'<p class="vm-note">{escape(text.LINK_NONE)}</p>')
    return {
        "download_json": download_json,
        "download_png": download_png,
        "consent": consent,
        "link": link,
        "link_note": link_note,
    }


def _controls(settings: GenerationSettings) -> Controls:
    tokens, temperature, top_p, top_k, penalty, seed, budget = write_settings(settings)
    with gr.Sidebar(text.SETTINGS, open=False, position="right"):
        gr.HTML(f"<h2>{escape(text.SETTINGS)}</h2>")
        return Controls(
            new_tokens=gr.Slider(1, 1024, value=tokens, step=1, label=text.NEW_TOKENS),
            temperature=gr.Slider(
                0, 2, value=temperature, step=0.05, label=text.TEMPERATURE, info=text.TEMPERATURE_HINT
            ),
            top_p=gr.Slider(0.01, 1, value=top_p, step=0.01, label=text.TOP_P),
            top_k=gr.Number(top_k, minimum=0, maximum=1000, precision=0, label=text.TOP_K, info=text.TOP_K_HINT),
            penalty=gr.Slider(0.5, 2, value=penalty, step=0.05, label=text.PENALTY),
            seed=gr.Number(seed, minimum=0, maximum=2**31 - 1, precision=0, label=text.SEED, info=text.SEED_HINT),
            budget=gr.Number(budget, minimum=0, maximum=25, label=text.BUDGET, info=text.BUDGET_HINT),
        )


def first_choice(keys: list[str]) -> list[str]:
    """Return the checkpoints that are chosen at first: the first, the last, and one from the middle."""
    if len(keys) <= FIRST_CHOICE:
        return keys
    return [keys[0], keys[len(keys) // 2], keys[-1]]


def greyed(bad: tuple[BadEntry, ...]) -> str:
    """Return what cannot be used, with the reasons, folded away; nothing where everything can."""
    if not bad:
        return ""
    rows = "".join(f"<li><b>{escape(entry.name)}</b>: {escape(entry.reason)}</li>" for entry in bad)
    return (
        f'<details><summary>{escape(text.UNAVAILABLE)} ({len(bad)})</summary><ul class="vm-bad">{rows}</ul></details>'
    )
