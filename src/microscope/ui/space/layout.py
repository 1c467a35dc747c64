"""Draws the banner and the Setup tab, both empty and hidden until the server has seen who asks; connects nothing."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr

from microscope.ui.space import words

ASSETS = Path(__file__).parents[4] / "assets" / "space"
STYLE, SCRIPT = ASSETS / "space.css", ASSETS / "copy.js"


@dataclass(frozen=True)
class Components:
    """Everything on the tab that events read or write."""

    refresh: gr.Button
    intro: gr.HTML
    costs: gr.HTML
    findings: gr.HTML


def build_banner() -> gr.HTML:
    """Draw what the page begins with for the owner."""
    return gr.HTML("", visible=False, js_on_load=script(), elem_id="setup-banner")


def build() -> Components:
    """Draw the tab inside the current Blocks."""
    with gr.Row(elem_classes="vm-head"):
        gr.HTML(f"<h2>{escape(words.HEADING)}</h2>")
        refresh = gr.Button(words.REFRESH, size="sm", min_width=90)
    intro = gr.HTML("")
    findings = gr.HTML("", js_on_load=script(), elem_id="setup-list")
    costs = gr.HTML("", elem_id="setup-costs")
    return Components(refresh, intro, costs, findings)


def script() -> str:
    """Return what copies a text and remembers a folded banner."""
    return SCRIPT.read_text(encoding="utf-8")
