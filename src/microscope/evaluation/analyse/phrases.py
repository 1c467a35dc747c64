"""Numbers as people read them: points, percentages, intervals, p-values; knows no result.

Scores are shares in [0, 1]. A difference of shares is spoken of in points: 0.072 is 7.2 points.
"""

from __future__ import annotations

from collections.abc import Sequence

from microscope.evaluation.analysis import Estimate

# The sign that screen readers call minus, and the one that stands for nothing.
MINUS, NOTHING = "\N{MINUS SIGN}", "\N{EN DASH}"
SMALLEST_P = 0.001


def number(value: float, digits: int = 1) -> str:
    """Return a number with a real minus sign, and never minus nought."""
    text = f"{value:,.{digits}f}"
    if not text.strip("-0.,"):
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def points(difference: float) -> str:
    """Return a difference of shares in points, with its sign: `+7.2 points`."""
    text = number(100 * difference)
    sign = "" if text.startswith(MINUS) or text.strip("0.") == "" else "+"
    return f"{sign}{text} {'point' if text.lstrip(MINUS) == '1.0' else 'points'}"


def size(difference: float) -> str:
    """Return the size of a difference of shares in points, without a sign."""
    return points(abs(difference)).removeprefix("+")


def percent(share: float) -> str:
    """Return a share as a percentage: `96.8 %`."""
    return f"{number(100 * share)} %"


def span(estimate: Estimate) -> str:
    """Return both ends of an interval times 100, `3.1 to 11.3`; empty where there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{number(100 * estimate.low)} to {number(100 * estimate.high)}"


def p_value(p: float | None) -> str:
    """Return a p-value: three digits, `< 0.001`, or a dash where there is none."""
    if p is None:
        return NOTHING
    return f"< {SMALLEST_P}" if p < SMALLEST_P else f"{p:.3f}"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural where it is not one: `1 image`, `1,200 images`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(names: Sequence[str], last: str = "and") -> str:
    """Return names as a sentence has them: `a`, `a and b`, `a, b and c`."""
    if len(names) < 2:  # noqa: PLR2004 (one name needs no conjunction)
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def level(share: float) -> str:
    """Return a level of confidence: `95 %`."""
    return f"{100 * share:g} %"
