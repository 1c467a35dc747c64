"""A link that reopens a comparison: its question, checkpoints and settings as a URL query, every field checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import quote, urlencode

from microscope.errors import UserError
from microscope.records import GenerationSettings
from microscope.storage.shares import is_share_id

MOST_CHECKPOINTS = 4
MAX_QUESTION = 2_000
MAX_PIXELS = 25_000_000

_CHECKPOINT = re.compile(r"(?! )[\w@./+=:~()\[\] -]{1,300}(?<! )")
_EXAMPLE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_QUESTION = re.compile(rf"[^\0\ud800-\udfff]{{0,{MAX_QUESTION}}}")
_WHOLE = re.compile(r"[0-9]{1,10}")
_NUMBER = re.compile(r"[0-9]{1,4}(\.[0-9]{0,24})?(e-?[0-9]{1,3})?")
_SHOWN = 40


@dataclass(frozen=True)
class Link:
    """What a link carries: settings always, the picture as the id of an example or of a picture kept by consent."""

    question: str = ""
    checkpoints: tuple[str, ...] = ()
    settings: GenerationSettings = GenerationSettings()
    example: str | None = None
    share: str | None = None


@dataclass(frozen=True)
class _Range:
    """The values that a setting may have."""

    least: float
    most: float
    whole: bool = True

    def read(self, text: str) -> float:
        """Return the number that a text stands for; raises ValueError where it is none or lies outside."""
        if not (_WHOLE if self.whole else _NUMBER).fullmatch(text):
            raise ValueError(text)
        value = int(text) if self.whole else float(text)
        if not self.least <= value <= self.most:
            raise ValueError(text)
        return value

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {self.least:,} to {self.most:,}"


RANGES = {
    "max_new_tokens": _Range(1, 1024),
    "temperature": _Range(0, 2, whole=False),
    "top_p": _Range(0.01, 1, whole=False),
    "top_k": _Range(0, 1000),
    "repetition_penalty": _Range(0.5, 2, whole=False),
    "seed": _Range(0, 2**31 - 1),
    "image_budget": _Range(1, MAX_PIXELS),
}


def to_query(link: Link) -> str:
    """Return the link as a URL query without the question mark; what has its default value is left out.

    Raises `UserError` where a checkpoint has a name that no link can carry.
    """
    for key in link.checkpoints:
        if not _CHECKPOINT.fullmatch(key):
            raise UserError(
                f"The name of the checkpoint {key!r} fits into no link: rename its folder, without commas."
            )
    values: dict[str, str] = {
        "question": link.question,
        "models": ",".join(link.checkpoints),
        "example": link.example or "",
        "share": link.share or "",
    }
    for field in fields(GenerationSettings):
        value = getattr(link.settings, field.name)
        values[field.name] = "" if value == field.default else str(value)
    return urlencode({name: value for name, value in values.items() if value}, quote_via=quote, safe=",/@")


def from_query(params: Mapping[str, str]) -> Link:
    """Return the link that query parameters stand for; what is missing has its default, unknown names are left alone.

    Raises `UserError` that names the first bad value and what is allowed.
    """
    example, share = params.get("example") or None, params.get("share") or None
    if example is not None and not _EXAMPLE.fullmatch(example):
        raise _refusal("example", example, "the id of one of the examples")
    if share is not None and (not is_share_id(share) or example is not None):
        raise _refusal("share", share, "the id of a shared image, and stand in no link that names an example")
    question = params.get("question", "").strip()
    if not _QUESTION.fullmatch(question):
        raise _refusal("question", question, f"text of at most {MAX_QUESTION:,} characters")
    return Link(
        question,
        _checkpoints(params.get("models", "")),
        _settings(params),
        example,
        share,
    )


def _checkpoints(text: str) -> tuple[str, ...]:
    keys = tuple(text.split(",")) if text else ()
    for key in keys:
        if not _CHECKPOINT.fullmatch(key):
            raise _refusal("models", key, "the names of checkpoints, separated by commas")
    if len(keys) > MOST_CHECKPOINTS or len(set(keys)) < len(keys):
        raise _refusal("models", text, f"at most {MOST_CHECKPOINTS} different checkpoints")
    return keys


def _settings(params: Mapping[str, str]) -> GenerationSettings:
    given: dict[str, Any] = {}
    for name, bounds in RANGES.items():
        text = params.get(name, "")
        if text:
            try:
                given[name] = bounds.read(text)
            except ValueError as error:
                raise _refusal(name, text, str(bounds)) from error
    return GenerationSettings(**given)


def _refusal(name: str, value: str, allowed: str) -> UserError:
    shown = value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"
    return UserError(f"The link's {name} is {shown!r}, and it must be {allowed}: correct it, or ask for a new link.")
