"""The look: fonts that are there, colours that can be read, and nothing from another host."""

from __future__ import annotations

import re
from pathlib import Path

import gradio
import pytest

from microscope.ui.theme import CSS, theme

READABLE = 4.5
PAIRS = [
    ("body_text_color_subdued", "background_fill_primary"),
    ("block_info_text_color", "block_background_fill"),
    ("input_placeholder_color", "input_background_fill"),
    ("button_primary_text_color", "button_primary_background_fill"),
    ("button_primary_text_color", "button_primary_background_fill_hover"),
    ("button_cancel_text_color", "button_cancel_background_fill"),
    ("link_text_color", "background_fill_primary"),
]


def colour(name: str, suffix: str) -> str:
    """Return the colour that a name of the theme stands for, as #rrggbb."""
    look = theme()
    value = getattr(look, name + suffix, None) or getattr(look, name)
    while value.startswith("*"):
        inner = value.removeprefix("*")
        value = getattr(look, inner + suffix, None) or getattr(look, inner)
    return {"white": "#ffffff"}.get(value, value)


def luminance(value: str) -> float:
    """Return the relative luminance of #rrggbb, as the web's accessibility guidelines define it."""
    parts = [int(value[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("suffix", ["", "_dark"], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "paper"), PAIRS)
def test_text_can_be_read(ink: str, paper: str, suffix: str) -> None:
    dark, light = sorted(luminance(colour(name, suffix)) for name in (ink, paper))
    assert (light + 0.05) / (dark + 0.05) >= READABLE


def test_every_font_file_ships_with_gradio() -> None:
    look = theme()
    assert look._stylesheets == []
    files = re.findall(r"url\('([^']+)'\)", "".join(look._font_css))
    frontend = Path(gradio.__file__).parent / "templates" / "frontend"
    assert len(files) == 4
    assert [file for file in files if not (frontend / file).is_file()] == []


def test_the_style_sheet_asks_no_other_host() -> None:
    style = CSS.read_text(encoding="utf-8")
    assert ".vm-columns" in style
    assert not re.search(r"https?:|@import|url\(", style)
