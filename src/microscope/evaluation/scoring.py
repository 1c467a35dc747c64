"""Scorers: functions from an answer and its accepted references to a verdict; know no model and no statistics."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def normalise(text: str) -> str:
    """Return the text in NFKC and lower case, white space collapsed, without one trailing full stop."""
    words = " ".join(unicodedata.normalize("NFKC", text).lower().split())
    return words.removesuffix(".").rstrip()


def exact_match(answer: str, references: Iterable[str]) -> bool:
    """Tell whether the answer equals one of its references after both are normalised."""
    return normalise(answer) in {normalise(reference) for reference in references}
