"""Draws the Lens tab and returns its components; connects nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr

from microscope.catalog.spec import Catalog
from microscope.lens.methods import METHODS
from microscope.tiny.examples import Example
from microscope.ui import text
from microscope.ui.checkpoints import Checkpoints, checkpoints
from microscope.ui.compare.layout import draw_examples, first_choice
from microscope.ui.lens.component import lens
from microscope.ui.lens.view import Look
from microscope.ui.picture_input import PictureInput, picture_input


@dataclass(frozen=True)
class Asking:
    """What is looked at."""

    image: PictureInput
    question: gr.Textbox
    checkpoints: Checkpoints
    take: gr.Button
    said: gr.HTML
    cost: gr.HTML
    look: gr.Button
    stop: gr.Button

    @property
    def inputs(self) -> list[gr.components.Component]:
        """Return what handlers take, in order."""
        return [self.image, self.question, self.checkpoints]


@dataclass(frozen=True)
class Keeping:
    """What can be taken away from here."""

    method: gr.Dropdown
    png: gr.DownloadButton
    json: gr.DownloadButton
    consent: gr.Checkbox
    link: gr.Textbox
    link_note: gr.HTML


@dataclass(frozen=True)
class Timeline:
    """A run's checkpoints in order."""

    note: gr.HTML
    run: gr.Dropdown
    reference: gr.Textbox
    follow: gr.Button
    stop: gr.Button
    view: gr.HTML
    state: gr.State


@dataclass(frozen=True)
class Components:
    """Everything on the tab that events read or write."""

    asking: Asking
    examples: gr.Gallery
    view: gr.HTML
    keeping: Keeping
    timeline: Timeline
    state: gr.State


def build(catalog: Catalog, examples: tuple[Example, ...], folder: Path, runs: list[str]) -> Components:
    """Draw the tab inside the current Blocks; `runs` are those that can be followed."""
    asking = _draw_asking(catalog)
    gallery = draw_examples(examples, folder, "lens-examples")
    view = lens(elem_id="lens")
    keeping = _draw_keeping()
    return Components(asking, gallery, view, keeping, _draw_timeline(runs), gr.State(Look()))


def _draw_asking(catalog: Catalog) -> Asking:
    with gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=320):
            image = picture_input(240, "lens-image")
        with gr.Column(scale=5, min_width=320):
            question = gr.Textbox(label=text.QUESTION, placeholder=text.QUESTION_HINT, lines=1, max_lines=6)
            keys = [spec.key for spec in catalog.specs]
            chosen = checkpoints(catalog.specs, first_look(keys), text.CHECKPOINTS_HINT, "look-at")
            take = gr.Button(text.FROM_COMPARE, size="sm")
            said = gr.HTML()
            cost = gr.HTML('<p class="vm-cost"></p>')
            with gr.Row():
                look = gr.Button(text.LOOK, variant="primary", min_width=120, elem_id="look")
                stop = gr.Button(text.STOP, variant="stop", interactive=False, min_width=120)
    gr.HTML(f'<p class="vm-note">{escape(text.LOOK_HINT)}</p>')
    return Asking(image, question, chosen, take, said, cost, look, stop)


def first_look(keys: list[str]) -> list[str]:
    """Return two of the checkpoints that Compare begins with: a map needs more room than an answer."""
    chosen = first_choice(keys)
    return [*chosen[:1], *chosen[1:][-1:]]


def _draw_keeping() -> Keeping:
    with gr.Accordion(text.KEEP, open=False):
        with gr.Row():
            method = gr.Dropdown(
                [(method.label, method.key) for method in METHODS],
                value="relevance",
                label=text.LENS_METHOD,
                interactive=True,
                min_width=140,
            )
            png = gr.DownloadButton(text.EXPORT_PNG, size="sm", interactive=False, min_width=140)
            json = gr.DownloadButton(text.EXPORT_JSON, size="sm", interactive=False, min_width=140)
        consent = gr.Checkbox(label=text.CONSENT, visible=False)
        link = gr.Textbox(label=text.LENS_LINK, interactive=False, max_lines=2)
        link_note = gr.HTML(f'<p class="vm-note">{escape(text.LENS_LINK_NONE)}</p>')
    return Keeping(method, png, json, consent, link, link_note)


def timeline_note(runs: Sequence[str]) -> str:
    """Return what a timeline is, or how to get one where there is no run."""
    return f'<p class="vm-note">{escape(text.TIMELINE_HINT if runs else text.NO_RUNS)}</p>'


def _draw_timeline(runs: list[str]) -> Timeline:
    with gr.Accordion(text.TIMELINE, open=False, elem_id="timeline-part"):
        note = gr.HTML(timeline_note(runs))
        with gr.Row():
            run = gr.Dropdown(runs, value=runs[0] if runs else None, label=text.RUN_NAME, interactive=True)
            reference = gr.Textbox(label=text.REFERENCE, info=text.REFERENCE_HINT, max_lines=2)
        with gr.Row():
            follow = gr.Button(text.FOLLOW, variant="primary", interactive=bool(runs), min_width=120, elem_id="follow")
            stop = gr.Button(text.STOP, variant="stop", interactive=False, min_width=120)
        view = lens(elem_id="timeline")
    return Timeline(note, run, reference, follow, stop, view, gr.State(Look()))
