"""A set of items, what is wrong with its other rows, and where its pictures are; knows no file format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from microscope.evaluation.results import ImageFacts, SetFacts
from microscope.records import Item, Picture


class Pictures(Protocol):
    """Where a set's pictures are."""

    def read(self, name: str) -> Picture:
        """Return a picture by its name in the set; one that cannot be read is a `UserError`."""
        ...


@dataclass(frozen=True)
class Problem:
    """What is wrong with a row: its number as a person counts (the file's line, or the row from 1), and the sentence.

    `column` is the column's name in the file; `refused` tells whether the row is left out, or used all the same.
    """

    row: int
    column: str
    message: str
    refused: bool = True


@dataclass(frozen=True)
class ColumnMap:
    """Which column of the file means what (empty: none does); `guessed` are the fields that nobody named.

    `choices` and `tags` may be several columns, joined by commas.
    """

    image: str = ""
    question: str = ""
    answers: str = ""
    choices: str = ""
    id: str = ""
    kind: str = ""
    tags: str = ""
    evidence: str = ""
    guessed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preview:
    """A first look into a source: its columns, which one seems to mean what, and its first rows as short texts."""

    columns: tuple[str, ...]
    guessed: ColumnMap
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class ItemSet:
    """A set that can be run: its good items in the file's order, and a problem for everything else.

    `images` has the facts of every picture that an item names. `scorer` is the key of the scorer that fits the
    answers best. `notes` are sentences about the file as a whole, and `unit` is what the numbers of problems count:
    `line` or `row`.
    """

    facts: SetFacts
    items: tuple[Item, ...]
    pictures: Pictures
    images: Mapping[str, ImageFacts]
    problems: tuple[Problem, ...]
    columns: ColumnMap
    scorer: str
    notes: tuple[str, ...] = ()
    unit: str = "row"
