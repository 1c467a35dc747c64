"""A comparison as JSON: everything that decides its answers, and none of the picture's pixels; knows no Gradio."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from microscope.records import Comparison, Outcome
from microscope.storage.records_json import answer_to_json

FORMAT = "vlm-microscope/comparison/1"


def comparison_to_dict(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as plain data, its keys always in the same order.

    The picture is told by size and digest. Each outcome has its answer (text, tokens with log-probabilities, rendered
    prompt, facts with revision, seed and package versions, content address) or the sentence that says why there is
    none.
    """
    picture = comparison.picture
    return {
        "format": FORMAT,
        "when": comparison.when,
        "picture": {
            "width": picture.width,
            "height": picture.height,
            "sha256": picture.digest,
            "example": comparison.example,
        },
        "question": comparison.question,
        "settings": asdict(comparison.settings),
        "outcomes": [_outcome_to_dict(outcome) for outcome in comparison.outcomes],
    }


def comparison_json(comparison: Comparison) -> str:
    """Return the comparison as indented JSON text that every JSON reader takes: no NaN, a newline at the end."""
    return json.dumps(comparison_to_dict(comparison), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _outcome_to_dict(outcome: Outcome) -> dict[str, Any]:
    return {
        "checkpoint": outcome.checkpoint,
        "label": outcome.label,
        "message": outcome.message,
        "answer": None if outcome.answer is None else answer_to_json(outcome.answer),
    }
