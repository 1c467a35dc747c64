"""The lens as a component: a canvas for each checkpoint, drawn in the browser from a payload; knows no finding.

What it sends to Python are events: `explain`, `reject`, `gather`, `stop`, `readout` and `pick_head`. A handler takes
`gr.EventData`, whose attributes are the fields of what was sent:

- `explain`: `key`, `keys`, `token`, `method`. Maps of a method for a token (None: the whole answer) are wanted in the
  panes `keys`; `key` is the one that was clicked.
- `reject`: `rule`, `method`, `token`, `budget`, `rejected` (indices of cells by the pane's key).
- `gather`: `token`, `method` (of the evidence). `stop`: nothing.
- `readout`: `key`, `cell`. `pick_head`: `key`, `layer`, `head`, `token`; what comes of it is a map of
  the method `head:LAYER:HEAD`, both from 0.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr

from microscope.ui.lens.words import WORDS

ASSETS = Path(__file__).parents[4] / "assets" / "lens"
# In the order in which they build on one another; the last begins.
SCRIPTS = (
    *("base", "model", "drawing", "answer", "pointer", "tables"),
    *("heads", "panes", "toolbar", "difference", "timeline", "main"),
)
EVENTS = ("explain", "reject", "gather", "stop", "readout", "pick_head")


def lens(payload: dict[str, Any] | None = None, *, elem_id: str = "lens") -> gr.HTML:
    """Draw the lens inside the current Blocks; its value is what `payload.page` or `timeline` returns."""
    return gr.HTML(
        payload,
        html_template='<div class="vm-lens"></div>',
        css_template=(ASSETS / "lens.css").read_text(encoding="utf-8"),
        js_on_load=script(),
        apply_default_css=False,
        elem_id=elem_id,
    )


def script() -> str:
    """Return the whole script of the component, the words of the page before it."""
    words = f"const WORDS = {json.dumps(WORDS)};"
    return "\n".join([words, *((ASSETS / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)])
