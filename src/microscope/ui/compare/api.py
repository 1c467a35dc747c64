"""The public endpoint `/compare`: the page's own comparison, for programs; knows no HTML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from microscope.storage.records_json import answer_to_json
from microscope.ui.compare.actions import Actions, Visit
from microscope.ui.compare.columns import Columns
from microscope.ui.compare.controls import read_settings
from microscope.ui.compare.events import Handlers, lane
from microscope.ui.compare.layout import Components
from microscope.ui.errors import shown


def publish(tab: Components, actions: Actions, handlers: Handlers) -> None:
    """Add the endpoint; it takes the page's own inputs and shares its queue."""

    def compare(
        image: str,
        question: str,
        checkpoints: list[str],
        max_new_tokens: int,
        temperature: float,
        top_p: float,
        top_k: int,
        repetition_penalty: float,
        seed: int,
        image_megapixels: float,
        request: gr.Request,
    ) -> Iterator[list[dict[str, Any]]]:
        values = (max_new_tokens, temperature, top_p, top_k, repetition_penalty, seed, image_megapixels)
        asked = actions.request(image, question, checkpoints, read_settings(values))
        for columns, _ in actions.compare(f"api:{request.session_hash}", asked, Visit()):
            yield answers(columns)

    trigger, result = gr.Button(visible=False), gr.JSON(visible=False)
    trigger.click(
        shown(compare),
        [tab.image, tab.question, tab.checkpoints, *tab.controls.listed()],
        result,
        validator=handlers.validate,
        api_name="compare",
        api_description=DESCRIPTION,
        **lane(zero=handlers.zero),
    )


DESCRIPTION = (
    "Ask one question about one image of 1 to 4 checkpoints. Streams a list with one object a checkpoint: key, label, "
    "state (queued, fetching, loading, generating, done, failed), text so far, message where it failed, how many are "
    "ahead and about how many seconds it takes while it waits, and once it is done the answer with its tokens, "
    "log-probabilities and facts."
)


def answers(columns: Columns) -> list[dict[str, Any]]:
    """Return the columns as plain data, one object a checkpoint."""
    return [
        {
            "checkpoint": one.key,
            "label": one.label,
            "state": one.state,
            "text": one.text,
            "message": one.message,
            "ahead": one.ahead,
            "seconds": one.seconds,
            "answer": answer_to_json(one.answer) if one.answer is not None else None,
        }
        for one in columns
    ]
