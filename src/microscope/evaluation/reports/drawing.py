"""The strokes that every plot is made of: scales, ticks, texts that fit; knows no analysis.

Positions are percentages of the width, so that a plot fills any width while its text keeps its size: what is legible
on a wide screen is legible on a narrow one. Colours are classes, which the page's style sheet fills in.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from microscope.evaluation.reports.clean import whole

ELLIPSIS = "…"
SEPARATOR = ", "


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` to percentages from `start` to `end`."""

    low: float
    high: float
    start: float = 2.0
    end: float = 98.0

    def at(self, value: float) -> float:
        """Return the percentage of a value; what lies outside is put on the edge."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round values that span a range, at most so many between its ends, the first and last beyond it."""
    width = max(high - low, 1e-9)
    raw = width / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(step * power for step in (1, 2, 5, 10) if step * power >= raw - 1e-12)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]


def shortened(text: str, width: int) -> str:
    """Return a text of at most so many columns, wide letters counting two, with an ellipsis where its middle was cut.

    What tells two names apart stands at their ends as often as at their beginnings.
    """
    text = whole(" ".join(text.split()))
    sizes = [2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text]
    if sum(sizes) <= width:
        return text
    start = _fitting(sizes, (width - 1) // 2)
    end = len(text) - _fitting(sizes[::-1], width - 1 - (width - 1) // 2)
    return f"{text[:start].rstrip()}{ELLIPSIS}{text[end:].lstrip()}"


def told_apart(names: Sequence[str]) -> list[str]:
    """Return names without the words that all of them begin with, for where two have to fit beside each other."""
    if len(set(names)) < 2:  # noqa: PLR2004 (one name is told apart from none)
        return list(names)
    columns = enumerate(zip(*names, strict=False))
    shared = next((place for place, letters in columns if len(set(letters)) > 1), min(map(len, names)))
    while shared and names[0][shared - 1].isalnum():
        shared -= 1
    return [f"{ELLIPSIS}{name[shared:]}" if shared > 1 else name for name in names]


def brief(names: Sequence[str], width: int) -> list[str]:
    """Return names of at most so many columns that stay different: cut as they are, else part by part, else numbered.

    Parts stand between commas, as a checkpoint and the settings that it answered under do.
    """
    for cut in (_cut_whole, _cut_parts):
        found = cut(names, width)
        if len(set(found)) == len(set(names)) and found == _cut_whole(found, width):
            return found
    room = len(f"{len(names)}: ")
    return [f"{place}: {shortened(name, width - room)}" for place, name in enumerate(names, 1)]


def _cut_whole(names: Sequence[str], width: int) -> list[str]:
    return [shortened(name, width) for name in names]


def _cut_parts(names: Sequence[str], width: int) -> list[str]:
    """Return names of the parts in which they differ, each without what it shares; none where parts do not match."""
    rows = [name.split(SEPARATOR) for name in names]
    if len({len(row) for row in rows}) != 1:
        return []
    columns = [told_apart(column) for column in zip(*rows, strict=True) if len(set(column)) > 1]
    room = width - len(SEPARATOR) * (len(columns) - 1)
    # What is short leaves its room to what is long.
    for left, place in enumerate(sorted(range(len(columns)), key=lambda one: max(map(len, columns[one])))):
        columns[place] = _cut_whole(columns[place], max(room // (len(columns) - left), 1))
        room -= max(map(len, columns[place]))
    return [SEPARATOR.join(row) for row in zip(*columns, strict=True)]


def _fitting(sizes: Sequence[int], width: int) -> int:
    """Return how many letters fit into a width."""
    total = 0
    for count, size in enumerate(sizes):
        total += size
        if total > width:
            return count
    return len(sizes)


def line(start: tuple[str, float], end: tuple[str, float], kind: str) -> str:
    """Return a line between two places, each a percentage of the width and pixels from the top."""
    (left, top), (right, bottom) = start, end
    return f'<line class="vm-fig-{kind}" x1="{left}" y1="{top:g}" x2="{right}" y2="{bottom:g}"/>'


def words(text: str, x: str, y: float, kind: str = "text", anchor: str = "start") -> str:
    """Return a text at a place; `anchor` says which part of it stands there: start, middle or end."""
    return f'<text class="vm-fig-{kind}" x="{x}" y="{y:g}" text-anchor="{anchor}">{safe(text)}</text>'


def safe(text: str) -> str:
    """Return a text as it may stand in markup."""
    return escape(whole(text))


def percentage(share: float) -> str:
    """Return a position as SVG has it."""
    return f"{share:.2f}%"


def figure(ident: str, title: str, description: str, height: float, body: Sequence[str]) -> str:
    """Return a plot: an image with a title and a description for who does not see it. `ident` is unique in a page."""
    ident = escape(ident, quote=True)
    return (
        f'<svg class="vm-fig" role="img" aria-labelledby="{ident}-title {ident}-desc" '
        f'width="100%" height="{height:g}">'
        f'<title id="{ident}-title">{safe(title)}</title>'
        f'<desc id="{ident}-desc">{safe(description)}</desc>{"".join(body)}</svg>'
    )
