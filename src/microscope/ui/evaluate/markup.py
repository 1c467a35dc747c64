"""Pieces of HTML that screen readers and small screens can read: tables, notes, a bar; knows no result.

What goes in as text is escaped here; what goes in as markup was made here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Markup:
    """HTML that is safe to show as it is."""

    html: str


# A cell: text, which is escaped, or markup.
Cell = str | Markup


def written(cell: Cell) -> str:
    """Return a cell as HTML."""
    return cell.html if isinstance(cell, Markup) else escape(cell)


def note(sentence: str) -> str:
    """Return a sentence in small print; nothing for an empty one."""
    return f'<p class="vm-note">{escape(sentence)}</p>' if sentence else ""


def empty(sentence: str) -> str:
    """Return what stands where nothing is yet."""
    return f'<p class="vm-empty">{escape(sentence)}</p>'


def status(sentence: str) -> str:
    """Return a line that a screen reader reads out when it changes."""
    return f'<p role="status" class="vm-said">{escape(sentence)}</p>'


def listing(sentences: Iterable[str], kind: str = "vm-list") -> str:
    """Return sentences as a list; nothing where there are none."""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<ul class="{kind}">{items}</ul>' if items else ""


def part(heading: str, *bodies: str, kind: str = "") -> str:
    """Return a part of the page under its heading; nothing where it has no body."""
    body, named = "".join(bodies), f"vm-part {kind}".strip()
    return f'<section class="{named}"><h3>{escape(heading)}</h3>{body}</section>' if body else ""


def folded(heading: str, *bodies: str, opened: bool = False) -> str:
    """Return a part of the page that opens on a press; nothing where it has no body."""
    body = "".join(bodies)
    state = " open" if opened else ""
    return f'<details class="vm-part"{state}><summary>{escape(heading)}</summary>{body}</details>' if body else ""


def scrolled(name: str, body: str) -> str:
    """Return something wide in a box of its own that scrolls, by keyboard too; `name` says what it is."""
    label = escape(name, quote=True)
    return f'<div class="vm-scroll" role="region" tabindex="0" aria-label="{label}">{body}</div>' if body else ""


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Cell]], kind: str = "vm-numbers") -> str:
    """Return a table whose first column names the row; a small screen shows a card for each row.

    The cells of `vm-numbers` are numbers, which stay in one line; those of `vm-sentences` are text.
    The roles are written out, since browsers drop those of a table that is laid out as cards.
    """
    named = "".join(f'<th scope="col" role="columnheader">{escape(head)}</th>' for head in heads)
    body = "".join(_row(heads, row) for row in rows)
    if not body:
        return ""
    drawn = (
        f'<table class="vm-models {kind}" role="table"><caption class="vm-hidden">{escape(caption)}</caption>'
        f'<thead role="rowgroup"><tr role="row">{named}</tr></thead><tbody role="rowgroup">{body}</tbody></table>'
    )
    return scrolled(caption, drawn)


def bar(name: str, share: float, said: str) -> str:
    """Return a progress bar from 0 to 1 with the sentence that says the same."""
    share = min(max(share, 0.0), 1.0)
    return (
        f'<div class="vm-meter" role="progressbar" aria-label="{escape(name)}" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{100 * share:.0f}" aria-valuetext="{escape(said)}">'
        f'<div style="width: {share:.1%}"></div></div>'
    )


def _row(heads: Sequence[str], row: Sequence[Cell]) -> str:
    first, *rest = row
    cells = "".join(
        f'<td role="cell" data-name="{escape(head)}">{written(cell)}</td>'
        for head, cell in zip(heads[1:], rest, strict=True)
    )
    return f'<tr role="row"><th scope="row" role="rowheader">{written(first)}</th>{cells}</tr>'
