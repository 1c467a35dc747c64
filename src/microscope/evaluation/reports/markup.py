"""The report's HTML in small pieces: escaped text, tables that scroll in themselves; knows no analysis.

Everything that a person, a file or a model wrote goes through `text`: nothing of it is ever markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from microscope.evaluation.reports.clean import whole

LONGEST = 400
NUMBER, LONG, PLAIN = "number", "long", ""


@dataclass(frozen=True)
class Head:
    """A column's heading, and how its cells are set: as numbers, as long texts, or plainly."""

    title: str
    style: str = PLAIN


def text(value: str, longest: int | None = None) -> str:
    """Return a text as HTML; one of more letters than `longest` is cut, and says so."""
    value = whole(value)
    if longest is not None and len(value) > longest:
        return f"{escape(value[:longest])}… ({len(value):,} letters)"
    # A number and its sign stay on one line.
    return escape(value).replace(" %", "\N{NO-BREAK SPACE}%")


def foreign(value: str, longest: int | None = LONGEST) -> str:
    """Return a text that others wrote, which reads in its own direction."""
    return f'<bdi dir="auto">{text(value, longest)}</bdi>'


def table(caption: str, heads: Sequence[Head], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first cells name their rows; cells are HTML. Wider than the page, it scrolls by itself."""
    top = "".join(f'<th scope="col"{_style(head)}>{text(head.title)}</th>' for head in heads)
    body = "".join(f"<tr>{_row(heads, row)}</tr>" for row in rows)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{text(caption)}"><table class="table">'
        f"<caption><span>{text(caption)}</span></caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def section(title: str, *parts: str) -> str:
    """Return a section with its heading; none where it has nothing to show."""
    body = "".join(parts)
    return f"<section><h2>{text(title)}</h2>{body}</section>" if body else ""


def folded(title: str, body: str) -> str:
    """Return what opens when its title is pressed."""
    return f'<details><summary><bdi dir="auto">{text(title)}</bdi></summary>{body}</details>'


def bullets(sentences: Iterable[str]) -> str:
    """Return sentences as a list."""
    items = "".join(f"<li>{text(sentence)}</li>" for sentence in sentences)
    return f"<ul>{items}</ul>" if items else ""


def figure(body: str, caption: str) -> str:
    """Return a plot with what it shows in words."""
    return f"<figure>{body}<figcaption>{text(caption)}</figcaption></figure>"


def note(sentence: str) -> str:
    """Return a sentence beside the numbers."""
    return f'<p class="note">{text(sentence)}</p>'


def _row(heads: Sequence[Head], cells: Sequence[str]) -> str:
    first, *others = cells
    rest = "".join(f"<td{_style(head)}>{cell}</td>" for head, cell in zip(heads[1:], others, strict=True))
    return f'<th scope="row">{first}</th>{rest}'


def _style(head: Head) -> str:
    return f' class="{head.style}"' if head.style else ""
