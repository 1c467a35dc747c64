"""Answers as JSON objects and back: the one form that the store, the export and the command line share."""

from __future__ import annotations

import math
from typing import Any

from microscope.records import Answer, Facts, Token


def answer_to_json(answer: Answer) -> dict[str, Any]:
    """Return the answer as a JSON object; a log-probability that is not finite becomes null."""
    return {
        "checkpoint": answer.checkpoint,
        "text": answer.text,
        "tokens": [
            {"id": token.id, "text": token.text, "logprob": token.logprob if math.isfinite(token.logprob) else None}
            for token in answer.tokens
        ],
        "facts": _facts_to_json(answer.facts),
        "prompt": answer.prompt,
        "address": answer.address,
        "computed": answer.computed,
    }


def answer_from_json(data: dict[str, Any]) -> Answer:
    """Return the answer that `answer_to_json` wrote; null as a log-probability becomes NaN.

    Raises `ValueError` where a field is missing or has the wrong shape.
    """
    try:
        return Answer(
            checkpoint=data["checkpoint"],
            text=data["text"],
            tokens=tuple(
                Token(token["id"], token["text"], math.nan if token["logprob"] is None else token["logprob"])
                for token in data["tokens"]
            ),
            facts=_facts_from_json(data["facts"]),
            prompt=data["prompt"],
            address=data["address"],
            computed=data["computed"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is not an answer as JSON: {error!r}") from error


def _facts_to_json(facts: Facts) -> dict[str, Any]:
    return {
        "revision": facts.revision,
        "prompt_tokens": facts.prompt_tokens,
        "image_tokens": facts.image_tokens,
        "tokens": facts.tokens,
        "first_token_seconds": facts.first_token_seconds,
        "total_seconds": facts.total_seconds,
        "tokens_per_second": facts.tokens_per_second,
        "seed": facts.seed,
        "dtype": facts.dtype,
        "device": facts.device,
        "attention": facts.attention,
        "loaded_in": facts.loaded_in,
        "finish": facts.finish,
        "versions": dict(facts.versions),
        "fallback": facts.fallback,
        "together": facts.together,
    }


def _facts_from_json(data: dict[str, Any]) -> Facts:
    return Facts(
        revision=data["revision"],
        prompt_tokens=data["prompt_tokens"],
        image_tokens=data["image_tokens"],
        tokens=data["tokens"],
        first_token_seconds=data["first_token_seconds"],
        total_seconds=data["total_seconds"],
        seed=data["seed"],
        dtype=data["dtype"],
        device=data["device"],
        attention=data["attention"],
        loaded_in=data["loaded_in"],
        finish=data["finish"],
        versions=tuple(data["versions"].items()),
        # Answers that were kept before there was one had none.
        fallback=data.get("fallback", ""),
        together=data.get("together", 1),
    )
