"""A field to choose checkpoints that takes any key; whether a checkpoint is offered is checked when it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from microscope.catalog.spec import ModelSpec
from microscope.ui import text


class Checkpoints(gr.CheckboxGroup):
    """Gradio's group of checkboxes, except that it does not hold a value against the choices it was drawn with.

    What is offered changes while the app runs: Gradio's own would refuse a program what came since, and would end in
    an error without a sentence where a page that is still open asks for what is gone.
    """

    # Gradio then draws it as what it derives from.
    is_template = True

    def api_info(self) -> dict[str, Any]:
        """Return what programs are told to send: keys, of which those offered at the start are examples only."""
        known = ", ".join(str(key) for _, key in self.choices)
        told = f"keys of checkpoints, at the start of the app: {known}"
        return {"items": {"type": "string"}, "title": "Checkpoints", "type": "array", "description": told}

    def preprocess(self, payload: Any) -> list[str]:  # noqa: ANN401  (whatever was posted)
        """Return the keys that were chosen; none where nothing was."""
        chosen = payload if isinstance(payload, list) else [] if payload is None else [payload]
        return [str(one) for one in chosen]


def checkpoints(specs: Sequence[ModelSpec], chosen: list[str], info: str, elem_id: str | None = None) -> Checkpoints:
    """Draw the field for checkpoints."""
    offered = [(spec.label, spec.key) for spec in specs]
    return Checkpoints(offered, value=chosen, label=text.CHECKPOINTS, info=info, elem_id=elem_id)
