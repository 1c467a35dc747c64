"""The public endpoint `/evaluate`: the page's own evaluation, for programs; knows no HTML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from microscope.evaluation.progress import Progress
from microscope.evaluation.reports import citation, report_json, versions
from microscope.evaluation.scoring import SCORERS
from microscope.ui.compare.events import lane
from microscope.ui.errors import shown
from microscope.ui.evaluate import words
from microscope.ui.evaluate.actions import MOST_ANSWERS, EvaluateActions
from microscope.ui.evaluate.choices import MOST_ITEMS, MOST_MARGIN, Source, read_choices
from microscope.ui.evaluate.handlers import Handlers, IsOwner
from microscope.ui.evaluate.keeping import now
from microscope.ui.evaluate.layout import Components
from microscope.ui.evaluate.view import Shown

SUGGESTED = "suggested"
DESCRIPTION = (
    "Run a set of images and questions through checkpoints and say whether they differ by more than chance. The set "
    "is an uploaded file (CSV, TSV, JSONL, JSON, Parquet or zip), or the shipped one where there is none. Streams an "
    "object with done and total answers, seconds left and a message, and at the end the report: the verdict in a "
    "sentence, every score and difference with its interval, corrected p-values, slices, and what made the answers. "
    "baseline is the checkpoint that the others are held against (empty: all against all), margin in points how much "
    "worse still counts as no worse, limit the most items (0: all), drawn at random but always the same where "
    f"at_random is set. scorer may be suggested. A visitor may have at most {MOST_ANSWERS:,} answers computed at "
    "once; what is known is not computed again."
)


def publish(tab: Components, actions: EvaluateActions, handlers: Handlers, is_owner: IsOwner) -> None:
    """Add the endpoint; it shares the page's queue."""

    def evaluate(
        request: gr.Request,
        profile: gr.OAuthProfile | None,
        checkpoints: list[str],
        scorer: str,
        max_new_tokens: int,
        limit: int,
        at_random: bool,
        early: bool,
        baseline: str,
        margin: float,
        set_file: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        items = actions.shipped
        if set_file:
            items = actions.read(Source(words.UPLOAD, set_file), None, lambda *_: None)
        marked_by = items.scorer if scorer == SUGGESTED else scorer
        values = (checkpoints, marked_by, max_new_tokens, limit, at_random, early, baseline, margin)
        asked = actions.asked(items, read_choices(values))
        actions.admit(asked, owner=is_owner(request, profile))
        for step in actions.run(f"api:{request.session_hash}", asked):
            yield told(step)
        found = actions.analysed(asked.items, step.results, asked.options) if step.results is not None else Shown()
        if found.results is not None and found.analysis is not None:
            record = report_json(
                found.results, found.analysis, made=now(), versions=versions(), citation=citation(asked.items.facts)
            )
            yield told(step) | {"report": record}

    trigger, result = gr.Button(visible=False), gr.JSON(visible=False)
    choosing = tab.choosing
    inputs = [
        choosing.checkpoints,
        gr.Dropdown([SUGGESTED, *(one.key for one in SCORERS)], value=SUGGESTED, label=words.SCORER, visible=False),
        choosing.new_tokens,
        gr.Number(0, minimum=0, maximum=MOST_ITEMS, precision=0, label=words.LIMIT, visible=False),
        gr.Checkbox(label=words.AT_RANDOM, value=False, visible=False),
        choosing.early,
        gr.Textbox("", label=words.BASELINE, visible=False),
        gr.Number(0, minimum=0, maximum=MOST_MARGIN, label=words.MARGIN, visible=False),
        gr.File(label=words.FILE, file_types=words.FILE_TYPES, visible=False),
    ]
    trigger.click(
        shown(evaluate),
        inputs,
        result,
        validator=lambda keys, *rest: [handlers.valid(keys), *(gr.validate(True, "") for _ in rest)],
        api_name="evaluate",
        api_description=DESCRIPTION,
        **lane(zero=handlers.zero),
    )


def told(step: Progress) -> dict[str, Any]:
    """Return where a run stands as plain data, without a report."""
    return {
        "done": step.done,
        "total": step.total,
        "known": step.reused,
        "left": step.left,
        "checkpoint": step.arm,
        "message": step.stopped_early or step.message,
        "report": None,
    }
