"""The public endpoint `/explain`: what the Lens tab finds out, for programs; knows no HTML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from microscope.lens.events import LensEvent
from microscope.lens.inquiry import Inquiry, inquire
from microscope.lens.methods import METHODS
from microscope.lens.report import change_to_dict, finding_to_dict
from microscope.lens.selection import DRAWN, RULES
from microscope.ui.compare.controls import read_settings
from microscope.ui.compare.events import lane
from microscope.ui.compare.layout import Components as Compare
from microscope.ui.errors import shown
from microscope.ui.lens.actions import LensActions
from microscope.ui.lens.events import Handlers
from microscope.ui.lens.layout import Components

WHOLE = -1
DESCRIPTION = (
    "Ask one question about one image of 1 to 4 checkpoints, and which patches each answer rests on. Streams a list "
    "with one object a checkpoint: key, state (queued, fetching, loading, generating, done, failed), message where it "
    "failed, and the finding: answer with tokens, the log-probability of each with a blank image, the box of every "
    "image token in fractions of the image, and maps with method, cost and badge (what keeping and deleting the best "
    "patches does to the answer's probability per token, against random). token counts from 0, -1 is the whole "
    "answer. With keep above 0 that share of the image tokens is kept, by a rule, and change has the answer without "
    "the others."
)


def publish(tab: Components, compare: Compare, actions: LensActions, handlers: Handlers) -> None:
    """Add the endpoint; it takes the page's own inputs and shares its queue."""

    def explain(
        image: str,
        question: str,
        checkpoints: list[str],
        method: str,
        token: int,
        keep: float,
        rule: str,
        max_new_tokens: int,
        temperature: float,
        top_p: float,
        top_k: int,
        repetition_penalty: float,
        seed: int,
        image_megapixels: float,
    ) -> Iterator[list[dict[str, Any]]]:
        values = (max_new_tokens, temperature, top_p, top_k, repetition_penalty, seed, image_megapixels)
        asked = actions.compare.request(image, question, checkpoints, read_settings(values))
        inquiry = Inquiry(method, None if token == WHOLE else int(token), keep or None, rule, asked.settings.seed)
        found: dict[str, dict[str, Any]] = {}
        for event in inquire(actions.lens, asked, inquiry):
            changed = found.get(event.checkpoint, {}).get("state") != event.event.state.value
            found[event.checkpoint] = told(event, found.get(event.checkpoint, {}))
            if changed:
                yield list(found.values())
        yield list(found.values())

    trigger, result = gr.Button(visible=False), gr.JSON(visible=False)
    method = gr.Dropdown([one.key for one in METHODS], value="relevance", label="Method", visible=False)
    token = gr.Number(WHOLE, minimum=WHOLE, precision=0, label="Token", visible=False)
    keep = gr.Number(0, minimum=0, maximum=1, label="Keep", visible=False)
    rule = gr.Dropdown([one.key for one in RULES if one is not DRAWN], value="map", label="Rule", visible=False)
    trigger.click(
        shown(explain),
        [*tab.asking.inputs, method, token, keep, rule, *compare.controls.listed()],
        result,
        validator=handlers.validate,
        api_name="explain",
        api_description=DESCRIPTION,
        **lane(zero=handlers.zero),
    )


def told(event: LensEvent, before: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of one checkpoint as plain data, with what was known before."""
    known = {"checkpoint": event.checkpoint, "state": event.event.state.value, "message": event.event.message}
    finding = finding_to_dict(event.finding) if event.finding is not None else before.get("finding")
    change = change_to_dict(event.change) if event.change is not None else before.get("change")
    return known | {"finding": finding, "change": change}
