"""Banner and tab as drawn: empty, for nobody is known yet."""

from __future__ import annotations

import gradio as gr

from microscope.ui.space import words
from microscope.ui.space.layout import SCRIPT, STYLE, build, build_banner, script


def test_both_are_empty_at_first_and_the_banner_is_hidden() -> None:
    with gr.Blocks() as demo:
        banner, tab = build_banner(), build()
    assert (banner.value, banner.visible) == ("", False)
    assert [tab.intro.value, tab.findings.value, tab.costs.value] == ["", "", ""]
    assert tab.refresh.value == words.REFRESH
    assert demo.fns == {}


def test_the_script_and_the_style_are_files_of_their_own() -> None:
    assert script() == SCRIPT.read_text(encoding="utf-8")
    assert sorted(path.name for path in STYLE.parent.iterdir()) == ["copy.js", "space.css"]
