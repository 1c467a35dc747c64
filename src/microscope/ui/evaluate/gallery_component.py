"""The gallery of items as a component: cards drawn in the browser, page by page; knows no result.

What it sends to Python are events. A handler takes `gr.EventData`, whose attributes are the fields of what was sent:

- `more`: `ask`, `view` (`show`, `first`, `second`, `search`, `kind`, `tag`, `sort`, `slice`), `offset`. Another page
  is wanted; the answer carries the same `ask`, or the browser takes it for an answer to something else. Or `open`
  alone: the browser knows nothing any more and begins anew.
- `large`: `ask`, `number`. The item of that number is wanted in full.
- `open_compare`, `open_lens`: `number`. The item is to be opened elsewhere; nothing comes back.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr

from microscope.ui.evaluate.gallery_words import WORDS

ASSETS = Path(__file__).parents[4] / "assets"
# In the order in which they build on one another; the last begins. The first is the ground of the lens, too.
GROUND = ASSETS / "lens" / "base.js"
SCRIPTS = tuple(
    ASSETS / "evaluate" / f"gallery_{name}.js" for name in ("model", "card", "bar", "large", "pages", "keys", "main")
)
STYLE = ASSETS / "evaluate" / "gallery.css"
EVENTS = ("more", "large", "open_compare", "open_lens")


def gallery(payload: dict[str, Any] | None = None, *, elem_id: str = "items") -> gr.HTML:
    """Draw the gallery inside the current Blocks; its value is what the functions of `gallery_payload` return."""
    return gr.HTML(
        payload,
        html_template='<div class="vm-gallery"></div>',
        css_template=STYLE.read_text(encoding="utf-8"),
        js_on_load=script(),
        apply_default_css=False,
        elem_id=elem_id,
    )


def script() -> str:
    """Return the whole script of the component, the words of the page before it."""
    words = f"const WORDS = {json.dumps(WORDS)};"
    return "\n".join([words, *(path.read_text(encoding="utf-8") for path in (GROUND, *SCRIPTS))])
