"""The fields that an entry of the catalogue file may have: how their text is read, and what they allow."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from microscope.catalog.names import is_revision
from microscope.hardware import parse_bytes

DTYPES = ("auto", "float32", "float16", "bfloat16")
ATTENTIONS = ("sdpa", "eager", "flash_attention_2")

_COUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([kmbKMB]?)", re.ASCII)
_COUNT_UNITS = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9}
_PIXELS = re.compile(r"(\d{1,5})\s*[xX]\s*(\d{1,5})|(\d{1,10})", re.ASCII)
_WHOLE = re.compile(r"\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)

Parser = Callable[[str], Any]


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Return what to say about an unknown word: the nearest allowed one, or all of them."""
    allowed = tuple(allowed)
    close = difflib.get_close_matches(word, allowed, n=1)
    return f"did you mean {close[0]!r}?" if close else f"allowed are {', '.join(allowed)}"


def end(sentence: str) -> str:
    """Return a sentence with its full stop, unless it ends as a question."""
    return sentence if sentence.endswith("?") else f"{sentence}."


def text(value: str) -> str:
    """Read a text that is not empty; raises ValueError with what is allowed, as every reader here does."""
    if not value.strip():
        raise ValueError("a text that is not empty")
    return value


def flag(value: str) -> bool:
    """Read yes or no."""
    if value.lower() not in ("true", "yes", "on", "false", "no", "off"):
        raise ValueError("true or false")
    return value.lower() in ("true", "yes", "on")


def count(value: str) -> int:
    """Read a number of parameters such as `256M`, `2.2B` or `256000000`."""
    match = _COUNT.fullmatch(value)
    if match is None:
        raise ValueError("a count such as 256M, 2.2B or 256000000")
    return int(Decimal(match[1]) * _COUNT_UNITS[match[2].lower()])


def size(value: str) -> int:
    """Read a size in bytes such as `8GB`."""
    try:
        return parse_bytes(value)
    except ValueError:
        raise ValueError("a size such as 8GB, 512MiB or 1000000") from None


def pixels(value: str) -> int:
    """Read an image budget, in pixels or as width x height."""
    match = _PIXELS.fullmatch(value)
    budget = 0 if match is None else int(match[3]) if match[3] else int(match[1]) * int(match[2])
    if budget < 32 * 32:
        raise ValueError("a number of pixels such as 1024x1024 or 1048576, at least 32x32")
    return budget


def revision(value: str) -> str:
    """Read a branch, a tag or a commit."""
    if not is_revision(value):
        raise ValueError("a branch, a tag or a commit")
    return value


def subfolder(value: str) -> str:
    """Read a path inside a repository."""
    parts = value.strip("/").split("/")
    if any(part.strip(".") == "" for part in parts) or "\\" in value:
        raise ValueError("a folder inside the repository, such as checkpoints/step-500")
    return "/".join(parts)


def template(value: str) -> str:
    """Read a prompt template."""
    if "{question}" not in value or "{image}" not in value:
        raise ValueError("a text with {image} and {question} where those go")
    return value


def choice(allowed: tuple[str, ...]) -> Parser:
    """Return a reader of one of the allowed words."""

    def read(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return value

    return read


def whole(least: int, most: int) -> Parser:
    """Return a reader of a whole number."""

    def read(value: str) -> int:
        if not _WHOLE.fullmatch(value) or not least <= int(value) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(value)

    return read


def number(least: float, most: float) -> Parser:
    """Return a reader of a number."""

    def read(value: str) -> float:
        if not _NUMBER.fullmatch(value) or not least <= float(value) <= most:
            raise ValueError(f"a number from {least} to {most}")
        return float(value)

    return read


SOURCES = ("hub", "folder", "adapter", "run")

FIELDS: Mapping[str, Parser] = {
    "label": text,
    "revision": revision,
    "subfolder": subfolder,
    "licence": text,
    "parameters": count,
    "dtype": choice(DTYPES),
    "attention": choice(ATTENTIONS),
    "image_budget": pixels,
    "min_vram": size,
    "base": text,
    "base_revision": revision,
    "processor_from": text,
    "gated": flag,
    "pin": flag,
    "system": text,
    "prompt_template": template,
    "architecture": text,
}

GENERATION: Mapping[str, Parser] = {
    "max_new_tokens": whole(1, 4096),
    "temperature": number(0, 2),
    "top_p": number(0.01, 1),
    "top_k": whole(0, 1000),
    "repetition_penalty": number(0.5, 2),
    "seed": whole(0, 2**32 - 1),
}
