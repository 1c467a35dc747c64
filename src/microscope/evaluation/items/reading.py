"""Reads a set of items from wherever it is, with every row looked at before anything runs; knows no model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from microscope.errors import UserError
from microscope.evaluation.items.base import ItemSet, Preview
from microscope.evaluation.items.checking import Draftsman, finish
from microscope.evaluation.items.columns import guess_columns, require_columns
from microscope.evaluation.items.gathering import look_at
from microscope.evaluation.items.opening import Part, open_source
from microscope.evaluation.items.report import first_problems
from microscope.evaluation.items.tables import shorten
from microscope.evaluation.results import ImageFacts, SetFacts
from microscope.evaluation.scoring import suggest
from microscope.records import Item

EMBEDDED_NAME = "Embedded scenes"
EMBEDDED_FILE = "items.jsonl"
PREVIEWED = 5
# How many problems the error names where no row is good.
NAMED = 5


def read_set(  # noqa: PLR0913 - what a person may say about a source, each by its name
    source: Path | str,
    *,
    columns: Mapping[str, str] | None = None,
    name: str = "",
    limit: int | None = None,
    split: str | None = None,
    config: str | None = None,
    offline: bool = False,
    tell: Callable[[int, int], None] | None = None,
) -> ItemSet:
    """Return the items of a table, a zip, a folder or a data set on the Hub, and a problem for every other row.

    `source` is a path, or as text also `org/name`; a text that is a path on disk is that. `columns` says which column
    has which field of `ColumnMap`, and what it leaves out is guessed. `limit` reads only so many rows. `split` chooses
    among several tables or splits, `config` a configuration on the Hub, which `offline` forbids. `tell` gets how many
    rows were read, of 0 while nobody knows how many there are, and then how many pictures were looked at, of how many.
    Raises `UserError` where nothing can be read, or no row is good.
    """
    if limit is not None and limit < 1:
        raise UserError("At least one row must be read: choose a limit of 1 or more, or none.")
    opened = open_source(source, Part(split, config), offline=offline)
    found = guess_columns(opened.table.columns, opened.first, columns or {})
    require_columns(found, opened.table.columns)
    draftsman = Draftsman(opened.table, found, opened.namer)
    drafts = draftsman.read(limit, tell)
    if not drafts:
        raise UserError(f"{shorten(opened.name)} has columns and no rows: add some, or choose another.")
    cut = limit is not None and next(iter(opened.table.rows), None) is not None
    names = tuple(dict.fromkeys(draft.image for draft in drafts if draft.image))
    looked = look_at(opened.pictures, names, tell)
    items, notes = finish(draftsman, drafts, looked)
    problems = tuple(sorted(draftsman.problems, key=lambda problem: problem.row))
    if not items:
        raise UserError(
            f"No row of {shorten(opened.name)} can be used. {first_problems(problems, opened.table.unit, NAMED)}"
        )
    images = {item.image: looked.facts[item.image] for item in items}
    return ItemSet(
        facts=SetFacts(
            name=name or opened.name,
            digest=digest_items(items, images),
            rows=len(drafts),
            refused=sum(draft.refused for draft in drafts),
        ),
        items=items,
        pictures=opened.pictures,
        images=images,
        problems=problems,
        columns=found,
        scorer=suggest(items),
        notes=(*opened.table.notes, *notes, *([f"Only the first {limit:,} rows were read."] if cut else [])),
        unit=opened.table.unit,
    )


def preview_columns(
    source: Path | str, *, split: str | None = None, config: str | None = None, offline: bool = False
) -> Preview:
    """Return a source's columns, what they seem to mean, and its first rows; raises `UserError` as `read_set` does."""
    opened = open_source(source, Part(split, config), offline=offline)
    columns = opened.table.columns
    rows = [row for row in opened.first if not row.broken][:PREVIEWED]
    return Preview(
        columns,
        guess_columns(columns, opened.first, {}),
        tuple(tuple(shorten(row.cells.get(column)) for column in columns) for row in rows),
    )


def embedded_set(folder: Path) -> ItemSet:
    """Return the set that ships with the app, from the folder of its items and pictures."""
    return read_set(folder / EMBEDDED_FILE, name=EMBEDDED_NAME)


def digest_items(items: Iterable[Item], images: Mapping[str, ImageFacts]) -> str:
    """Return the SHA-256 of what decides a score, in order: ids, pictures, questions, answers and choices.

    The same content has the same digest, whatever file it came from and whatever its pictures are called.
    """
    digest = hashlib.sha256()
    for item in items:
        content = [item.id, images[item.image].digest, item.question, list(item.answers), list(item.choices)]
        digest.update(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()
