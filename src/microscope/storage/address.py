"""The content address of an answer: one hash of everything that decides its tokens; knows no model and no store."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from microscope.records import GenerationSettings

# Counts up when the same parts come to mean another answer; every older address is then a miss.
ADDRESS_VERSION = 1


@dataclass(frozen=True)
class AddressParts:
    """Everything that decides an answer's tokens.

    `picture` is the picture's digest, `prompt` the chat template as rendered, `processor` the processor's settings as
    canonical JSON, `rejected` the positions of image tokens that are taken away, `device` the kind of device (`cpu`,
    `cuda`, `mps`), `torch` and `transformers` the versions, `weights` the weights' identity (a commit or a hash).
    """

    picture: str
    question: str
    prompt: str
    settings: GenerationSettings
    processor: str
    dtype: str
    device: str
    attention: str
    torch: str
    transformers: str
    weights: str
    rejected: tuple[int, ...] = ()


def content_address(parts: AddressParts) -> str:
    """Return the SHA-256 of the parts in canonical JSON, as 64 hexadecimal digits; equal parts, equal addresses."""
    body = dict(vars(parts))
    body["settings"] = {name: _canonical(value) for name, value in vars(parts.settings).items()}
    body["rejected"] = sorted(parts.rejected)
    body["version"] = ADDRESS_VERSION
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _canonical(number: float | None) -> float | None:
    """Write 1.0 as 1: a slider and a command line send the same setting with different types."""
    return int(number) if isinstance(number, float) and number.is_integer() else number
