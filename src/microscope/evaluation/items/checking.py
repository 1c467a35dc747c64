"""Turns rows into items, and says of every row that cannot be one why; knows no file format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from microscope.engine.questions import check_question
from microscope.errors import UserError
from microscope.evaluation.items.base import ColumnMap, Problem
from microscope.evaluation.items.boxes import Edges, fit_boxes, read_boxes
from microscope.evaluation.items.cells import (
    CellError,
    Choices,
    as_text,
    is_missing,
    read_answers,
    read_choices,
    read_lettered,
    read_tags,
    read_word,
)
from microscope.evaluation.items.choosing import Asked, read_numbers, right_letters
from microscope.evaluation.items.columns import plain, split_columns
from microscope.evaluation.items.gathering import Looked, Namer
from microscope.evaluation.items.scratch import ScratchFullError
from microscope.evaluation.items.tables import MAX_ROWS, Row, Table, shorten
from microscope.evaluation.results import ImageFacts
from microscope.records import Item

# How often, in rows, the caller is told that reading goes on.
TOLD_EVERY = 1_000
PLAIN_TAGS = frozenset(("tags", "tag", "keywords"))


@dataclass
class Draft:
    """A row that may become an item, once all rows have been read and its picture has been looked at."""

    ordinal: int
    row: Row
    id: str = ""
    image: str = ""
    question: str = ""
    asked: Asked = field(default_factory=lambda: Asked(Choices(), ()))
    kind: str = ""
    tags: tuple[str, ...] = ()
    edges: tuple[Edges, ...] = ()
    refused: bool = False


@dataclass
class Draftsman:
    """Reads rows into drafts, and gathers what is wrong with them."""

    table: Table
    columns: ColumnMap
    namer: Namer
    problems: list[Problem] = field(default_factory=list)

    def read(self, limit: int | None, tell: Callable[[int, int], None] | None) -> list[Draft]:
        """Return a draft for each of the first `limit` rows (None: all); more than 200,000 are a `UserError`.

        `tell` gets how many rows were read, of 0, since nobody knows how many there are.
        """
        drafts: list[Draft] = []
        for row in islice(self.table.rows, limit):
            if len(drafts) == MAX_ROWS:
                raise UserError(f"The set has more than {MAX_ROWS:,} rows: split it, or read only its first rows.")
            drafts.append(self._draft(len(drafts) + 1, row))
            if tell is not None and len(drafts) % TOLD_EVERY == 0:
                tell(len(drafts), 0)
        return drafts

    def note(self, draft: Draft, column: str, message: str, *, refused: bool) -> None:
        """Add a problem of a draft's row; a refusal makes it no item."""
        draft.refused = draft.refused or refused
        where = f" ({shorten(draft.row.where)})" if draft.row.where else ""
        self.problems.append(Problem(draft.row.number, column, f"{message}{where}", refused))

    def _draft(self, ordinal: int, row: Row) -> Draft:
        draft = Draft(ordinal, row)
        if row.broken:
            self.note(draft, "", _sentence(row.broken), refused=True)
            # Nothing of it is needed any more, and broken rows may be long.
            draft.row = Row(row.number, {})
            return draft
        for column, needed, reader in (
            (self.columns.image, True, self._read_image),
            (self.columns.question, True, self._read_question),
            (self.columns.answers, True, self._read_answers),
            (self.columns.id, False, self._read_id),
            (self.columns.kind, False, self._read_kind),
            (self.columns.tags, False, self._read_tags),
            (self.columns.evidence, False, self._read_evidence),
        ):
            if not column:
                continue
            try:
                reader(draft, row.cells.get(column))
            except ScratchFullError:
                raise
            except (CellError, UserError) as error:
                self.note(draft, column, str(error) if needed else f"{error} It was left out.", refused=needed)
        # The cells of a set's rows may hold its pictures; a draft keeps none of them.
        draft.row = Row(row.number, {}, where=row.where)
        return draft

    def _read_image(self, draft: Draft, value: object) -> None:
        draft.image = self.namer.name(value)

    def _read_question(self, draft: Draft, value: object) -> None:
        if is_missing(value):
            raise CellError("There is no question.")
        draft.question = check_question(as_text(value))

    def _read_answers(self, draft: Draft, value: object) -> None:
        choices = Choices()
        columns = split_columns("choices", self.columns.choices, self.table.columns)
        cells = [draft.row.cells.get(column) for column in columns]
        try:
            if len(columns) > 1:
                choices = read_lettered(cells)
            elif columns:
                choices = read_choices(cells[0], typed=self.table.typed)
        except CellError as error:
            self.note(draft, self.columns.choices, str(error), refused=True)
        draft.asked = Asked(choices, read_answers(value, typed=self.table.typed))

    def _read_id(self, draft: Draft, value: object) -> None:
        draft.id = read_word(value)

    def _read_kind(self, draft: Draft, value: object) -> None:
        draft.kind = read_word(value)

    def _read_tags(self, draft: Draft, _: object) -> None:
        columns = split_columns("tags", self.columns.tags, self.table.columns)
        named = [(column, draft.row.cells.get(column)) for column in columns]
        draft.tags = read_tags(named, plain=frozenset(column for column in columns if plain(column) in PLAIN_TAGS))

    def _read_evidence(self, draft: Draft, value: object) -> None:
        draft.edges = read_boxes(value)


def finish(draftsman: Draftsman, drafts: Sequence[Draft], looked: Looked) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """Return the items of the drafts that can be ones, in order, and notes on the whole set.

    What is wrong or odd with a row is added to the draftsman's problems.
    """
    reading = read_numbers([draft.asked for draft in drafts if draft.asked.choices.texts], draftsman.columns.answers)
    items: list[Item] = []
    ids = _Ids(frozenset(draft.id for draft in drafts))
    seen: dict[tuple[str, str], int] = {}
    for draft in drafts:
        answers: tuple[str, ...] = tuple(as_text(answer) for answer in draft.asked.answers)
        if draft.asked.choices.texts and answers:
            try:
                answers = right_letters(draft.asked, reading)
            except CellError as error:
                draftsman.note(draft, draftsman.columns.answers, str(error), refused=True)
        if draft.image in looked.broken:
            draftsman.note(draft, draftsman.columns.image, looked.broken[draft.image], refused=True)
        if draft.refused:
            continue
        facts = looked.facts[draft.image]
        found = fit_boxes(draft.edges, facts.width, facts.height)
        for note in found.notes:
            draftsman.note(draft, draftsman.columns.evidence, note, refused=False)
        _note_repeated(draftsman, draft, facts, seen)
        items.append(
            Item(
                id=_unique_id(draftsman, draft, ids),
                image=draft.image,
                question=draft.question,
                answers=answers,
                kind=draft.kind,
                evidence=found.boxes,
                choices=draft.asked.choices.texts,
                tags=draft.tags,
            )
        )
    return tuple(items), (reading.note,) if reading.note else ()


def _note_repeated(draftsman: Draftsman, draft: Draft, facts: ImageFacts, seen: dict[tuple[str, str], int]) -> None:
    key = facts.digest, " ".join(draft.question.casefold().split())
    first = seen.setdefault(key, draft.row.number)
    if first != draft.row.number:
        message = f"The same picture and question as in {draftsman.table.unit} {first}; both are used."
        draftsman.note(draft, draftsman.columns.question, message, refused=False)


@dataclass
class _Ids:
    """The ids of a set: those that its rows give, those in use, and how often each was wanted."""

    given: frozenset[str]
    used: set[str] = field(default_factory=set)
    wanted: Counter[str] = field(default_factory=Counter)

    def take(self, wanted: str) -> str:
        """Return an id that no item has yet: the wanted one, or that with a number behind it."""
        fresh = wanted
        while fresh in self.used or (fresh != wanted and fresh in self.given):
            self.wanted[wanted] += 1
            fresh = f"{wanted} ({self.wanted[wanted] + 1})"
        self.used.add(fresh)
        return fresh


def _unique_id(draftsman: Draftsman, draft: Draft, ids: _Ids) -> str:
    """Return the draft's id, made up where it has none; a note says where another item has it already."""
    if not draft.id:
        made = f"item-{draft.ordinal}"
        return ids.take(f"{made} (1)" if made in ids.given else made)
    fresh = ids.take(draft.id)
    if fresh != draft.id:
        message = f"The id {shorten(draft.id)} is taken by an earlier row, and became {shorten(fresh)}."
        draftsman.note(draft, draftsman.columns.id, message, refused=False)
    return fresh


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
