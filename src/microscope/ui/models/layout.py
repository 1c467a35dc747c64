"""Draws the Models tab and returns its components; connects nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr

from microscope.ui import text
from microscope.ui.models import swapping
from microscope.ui.models.table import legend, said

REFRESH_SECONDS = 5


@dataclass(frozen=True)
class Buttons:
    """What the owner may press, the checkpoint that it is for, and the line that says what came of it."""

    model: gr.Dropdown
    load: gr.Button
    unload: gr.Button
    pin: gr.Button
    unpin: gr.Button
    status: gr.HTML


@dataclass(frozen=True)
class Components:
    """Everything on the tab that events read or write.

    `buttons` is None where nothing can be moved, `sign_in` where there is no sign-in.
    """

    summary: gr.HTML
    table: gr.HTML
    history: gr.HTML
    refresh: gr.Button
    timer: gr.Timer
    owner: gr.Column
    buttons: Buttons | None
    sign_in: gr.LoginButton | None
    swaps: swapping.Components


def build(models: Sequence[tuple[str, str]], *, movable: bool, signs_in: bool) -> Components:
    """Draw the tab inside the current Blocks, for checkpoints given as label and key."""
    with gr.Row(elem_classes="vm-head"):
        gr.HTML(f"<h2>{escape(text.MODELS_HEADING)}</h2>")
        refresh = gr.Button(text.REFRESH, size="sm", min_width=90)
        sign_in = _sign_in() if signs_in else None
    summary = gr.HTML("")
    # Hidden until the server has seen who asks; the server asks again at every press.
    with gr.Column(visible=False, elem_classes="vm-owner") as owner:
        gr.HTML(f'<h3>{escape(text.OWNER)}</h3><p class="vm-note">{_hint(movable=movable)}</p>')
        buttons = _buttons(models) if movable else None
    swaps = swapping.build(staging=not movable)
    table = gr.HTML("", elem_id="models")
    gr.HTML(legend())
    history = gr.HTML("")
    timer = gr.Timer(REFRESH_SECONDS, active=False)
    return Components(summary, table, history, refresh, timer, owner, buttons, sign_in, swaps)


def _hint(*, movable: bool) -> str:
    return escape(text.OWNER_HINT if movable else text.PACKED)


def _buttons(models: Sequence[tuple[str, str]]) -> Buttons:
    model = gr.Dropdown(list(models), value=models[0][1] if models else None, label=text.MODEL, interactive=True)
    with gr.Row():
        load, unload, pin, unpin = (
            gr.Button(name, size="sm", min_width=90) for name in (text.LOAD, text.UNLOAD, text.PIN, text.UNPIN)
        )
    # A screen reader announces what changes in a line that was there before.
    return Buttons(model, load, unload, pin, unpin, gr.HTML(said(""), elem_classes="vm-status"))


def _sign_in() -> gr.LoginButton:
    button = gr.LoginButton(text.SIGN_IN, logout_value=text.SIGN_OUT, size="sm", min_width=200)
    # Gradio would name the signed-in person by an event of its own, public and queued; ours does it.
    button.load_event_to_attach = None
    return button
