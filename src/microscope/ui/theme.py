"""The look: Gradio's default theme with fonts that are whole and colours that pass contrast in light and dark."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

CSS = Path(__file__).parents[3] / "assets" / "microscope.css"


def theme() -> gr.themes.Base:
    """Return the theme; the fonts ship with Gradio, in the two weights whose files hold Latin letters."""
    text = gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700))
    mono = gr.themes.LocalFont("IBM Plex Mono", weights=(400, 700))
    return gr.themes.Default(
        primary_hue="indigo",
        neutral_hue="slate",
        font=[text, "ui-sans-serif", "sans-serif"],
        font_mono=[mono, "ui-monospace", "monospace"],
    ).set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        button_cancel_background_fill="*neutral_100",
        button_cancel_text_color="*neutral_900",
        button_cancel_background_fill_dark="*neutral_700",
        button_cancel_text_color_dark="white",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
    )
