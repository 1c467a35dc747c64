"""Draws a set that was read: how much of it is used, and what is wrong with the rest; knows no file format."""

from __future__ import annotations

from microscope.evaluation.items.base import ItemSet
from microscope.ui.evaluate import words
from microscope.ui.evaluate.markup import folded, note, status, table

MOST_PROBLEMS = 10


def report(items: ItemSet) -> str:
    """Return how many rows are used, and the first problems by row; nothing is dropped silently."""
    said = words.counted_rows(len(items.items), items.facts.rows, len(items.images))
    shown = items.problems[:MOST_PROBLEMS]
    rows = (
        [
            f"{items.unit.capitalize()} {one.row:,}",
            one.column,
            one.message,
            words.LEFT_OUT if one.refused else words.USED,
        ]
        for one in shown
    )
    more = f"{len(shown):,} of {len(items.problems):,}" if len(items.problems) > len(shown) else ""
    drawn = table(words.PROBLEMS_CAPTION, (items.unit.capitalize(), *words.PROBLEMS_HEADS), rows, kind="vm-sentences")
    heading = f"{words.PROBLEMS_CAPTION} ({more})" if more else words.PROBLEMS_CAPTION
    return (
        status(f"{items.facts.name}: {said}")
        + (note(words.NO_PROBLEMS) if not items.problems else "")
        + "".join(map(note, items.notes))
        + folded(heading, drawn, opened=True)
    )


def reading(done: int, total: int) -> str:
    """Return how far the reading of a set is; a `total` of 0 is unknown."""
    counted = f": {done:,}" + (f" of {total:,}" if total else "") if done else ""
    return status(f"{words.CHECKING}{counted}")
