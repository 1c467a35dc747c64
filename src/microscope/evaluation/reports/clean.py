"""Texts and numbers of others made fit to be written: no half characters, no formulas, no noise; knows no report."""

from __future__ import annotations

import math

# What a spreadsheet takes for the beginning of a formula, in both widths, and what it skips before one.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
DIGITS = 10
# Differences that are nothing but rounding come out somewhere below this, and nowhere twice the same.
NOTHING = 1e-14


def whole(text: str) -> str:
    """Return a text that every encoding of Unicode takes: half a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def harmless(text: str) -> str:
    """Return a text that a spreadsheet shows and does not compute: a formula gets an apostrophe before it.

    Some spreadsheets look for it behind spaces.
    """
    text = whole(text)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


def rounded(value: float) -> float | None:
    """Return a number with ten significant digits, so that rounding says nothing; None where it is not finite."""
    if not math.isfinite(value):
        return None
    return 0.0 if abs(value) < NOTHING else float(f"{value:.{DIGITS}g}")
