"""Turns the cells of a row into answers, choices and words; knows no file format and no picture."""

from __future__ import annotations

import ast
import json
import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from microscope.evaluation.items.tables import shorten

MAX_ANSWERS = 200
MAX_ANSWER = 2_000
MAX_CHOICES = len(ascii_uppercase)
MAX_TAGS = 50
MAX_WORD = 200
# Python's own parser of literals is asked no more than this.
MAX_LITERAL = 100_000


class CellError(Exception):
    """Why a cell cannot be used, as a whole sentence."""


@dataclass(frozen=True)
class Choices:
    """The choices of a question in order, and the letters or other keys that the file gives them."""

    texts: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


def is_missing(value: object) -> bool:
    """Tell whether a cell is empty: nothing, blank text, not a number, or a list of nothing."""
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, list | tuple | dict):
        return len(value) == 0
    return value is None or (isinstance(value, float) and math.isnan(value))


def as_text(value: object) -> str:
    """Return one value as text: whole numbers without a point, truth values in lower case.

    Raises `CellError` for what is no single value, and for characters that no text holds.
    """
    if isinstance(value, str):
        text = value.strip()
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, float) and value.is_integer():
        text = str(int(value))
    elif isinstance(value, numbers.Number):
        text = str(value)
    else:
        raise CellError(f"{shorten(value)} is not a text or a number.")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise CellError("It holds characters that are not text: type it again by hand.")
    return text


def read_answers(value: object, *, typed: bool) -> tuple[object, ...]:
    """Return the accepted answers as they came, texts and numbers: repeated ones stay, for VQA counts them.

    A list, texts with `|` between them (where cells have no types), a list written as text, or a list of
    `{"answer": ...}`. Raises `CellError` where there is none.
    """
    # In a file that has lists, a text like "[3, 4]" is an answer; like "['3', '4']" it is one that a table flattened.
    whole = typed and isinstance(value, str) and not _holds_texts(parse_literal(value))
    values = [value] if whole else _listed(value, separators="" if typed else "|")
    answers: list[object] = []
    for entry in values:
        inner = _answer_of(entry) if isinstance(entry, Mapping) else entry
        if not is_missing(inner):
            text = as_text(inner)
            if len(text) > MAX_ANSWER:
                raise CellError(f"An answer has {len(text):,} characters, and at most {MAX_ANSWER:,} can be used.")
            answers.append(text if isinstance(inner, str) else inner)
    if not answers:
        raise CellError("There is no answer.")
    if len(answers) > MAX_ANSWERS:
        raise CellError(f"There are {len(answers):,} answers, and at most {MAX_ANSWERS} can be used.")
    return tuple(answers)


def read_choices(value: object, *, typed: bool) -> Choices:
    """Return the choices of one cell: a list, a dict from letter to text, or either written as text.

    A dict of `text` and `label` lists is understood too; where cells have no types, `|` may stand between choices.
    Raises `CellError` where they are no choices.
    """
    if is_missing(value):
        return Choices()
    parsed = _parsed(value)
    if isinstance(parsed, Mapping):
        texts, labels = parsed.get("text"), parsed.get("label", parsed.get("labels"))
        if isinstance(texts, list) and isinstance(labels, list) and len(texts) == len(labels):
            return _choices([*texts], [as_text(label) for label in labels])
        filled = {as_text(key): text for key, text in parsed.items() if not is_missing(text)}
        keys = sorted(filled) if all(len(key) == 1 for key in filled) else list(filled)
        return _choices([filled[key] for key in keys], keys)
    return _choices(_listed(value, separators="" if typed else "|"), None)


def read_lettered(values: Sequence[object]) -> Choices:
    """Return the choices that stand in columns of their own; the last ones may be empty, one between may not."""
    given = list(values)
    while given and is_missing(given[-1]):
        given.pop()
    return _choices(given, None) if given else Choices()


def read_tags(named: Sequence[tuple[str, object]], *, plain: frozenset[str]) -> tuple[str, ...]:
    """Return the tags of a row from its (column, cell) pairs.

    A column in `plain` holds words (a list, or text with `;` or `,` between); any other column's become `name:value`.
    Raises `CellError` where a cell is neither.
    """
    tags: dict[str, None] = {}
    for name, value in named:
        for entry in _listed(value, separators=";,") if name in plain else _listed(value, separators=""):
            if not is_missing(entry):
                word = as_text(entry)
                tags[_word(word if name in plain else f"{name}:{word}")] = None
    if len(tags) > MAX_TAGS:
        raise CellError(f"There are {len(tags):,} tags, and at most {MAX_TAGS} can be used.")
    return tuple(tags)


def read_word(value: object) -> str:
    """Return an id or a kind as one short text; empty where the cell is. Raises `CellError` where it is neither."""
    if is_missing(value):
        return ""
    single = value[0] if isinstance(value, list | tuple) and len(value) == 1 else value
    return _word(as_text(single))


def parse_literal(text: str) -> object:
    """Return what a text that looks like a list or dict of JSON or Python holds; the text itself where it is none."""
    stripped = text.strip()
    if len(stripped) > MAX_LITERAL or (stripped[:1], stripped[-1:]) not in (("[", "]"), ("{", "}")):
        return text
    try:
        value: object = json.loads(stripped)
    except (ValueError, RecursionError):
        try:
            value = ast.literal_eval(stripped)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return text
    return value if isinstance(value, list | dict) else text


def _holds_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str | Mapping) for entry in value)


def _parsed(value: object) -> object:
    return parse_literal(value) if isinstance(value, str) else value


def _listed(value: object, *, separators: str) -> list[object]:
    """Return a cell as a list: it is one, or it is one written as text, or text with a separator, or one value."""
    if is_missing(value):
        return []
    parsed = _parsed(value)
    if isinstance(parsed, list | tuple):
        return list(parsed)
    if isinstance(parsed, str):
        separator = next((mark for mark in separators if mark in parsed), None)
        return [part for part in parsed.split(separator) if part.strip()] if separator else [parsed]
    return [parsed]


def _answer_of(entry: Mapping[str, object]) -> object:
    for key in ("answer", "text", "value"):
        if key in entry:
            return entry[key]
    raise CellError(f"{shorten(entry)} has no `answer` in it.")


def _choices(values: list[object], keys: Sequence[str] | None) -> Choices:
    if len(values) > MAX_CHOICES:
        raise CellError(f"There are {len(values):,} choices, and at most {MAX_CHOICES} can be told apart by letter.")
    if len(values) == 1:
        raise CellError("There is only one choice: give at least two, or none.")
    for letter, value in zip(ascii_uppercase, values, strict=False):
        if is_missing(value):
            raise CellError(f"Choice {letter} is empty, and others are not.")
    texts = tuple(map(as_text, values))
    if max(map(len, texts), default=0) > MAX_ANSWER:
        raise CellError(f"A choice has more than {MAX_ANSWER:,} characters.")
    return Choices(texts, tuple(keys or ascii_uppercase[: len(texts)]))


def _word(text: str) -> str:
    if len(text) > MAX_WORD:
        raise CellError(f"{shorten(text)} has {len(text):,} characters, and at most {MAX_WORD} fit.")
    return text
