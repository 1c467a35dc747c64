"""Says which column of a table means what, from names and first rows; knows nothing of files."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

from microscope.errors import UserError
from microscope.evaluation.items.base import ColumnMap
from microscope.evaluation.items.cells import is_missing
from microscope.evaluation.items.places import MAX_NAME, is_picture
from microscope.evaluation.items.tables import Row, shorten

REQUIRED = ("image", "question", "answers")
FIELDS = tuple(field.name for field in fields(ColumnMap) if field.name != "guessed")
SEVERAL = ("choices", "tags")

# The names that public sets give their columns, without case, spaces and marks; the likelier ones first.
NAMES: Mapping[str, tuple[str, ...]] = {
    "image": (
        *("image", "images", "img", "picture", "photo", "filename", "imagepath", "imagefile", "imagename", "imgpath"),
        *("imgname", "path", "file", "filepath", "imageurl", "url", "imageid"),
    ),
    "question": ("question", "questions", "query", "prompt", "instruction", "problem", "input", "text"),
    "answers": (
        *("answers", "answer", "label", "labels", "gt", "groundtruth", "groundtruths", "target", "targets", "gold"),
        *("references", "reference", "correctchoiceidx", "correctanswer", "correctoption", "correct", "answerindex"),
        *("directanswers", "multiplechoiceanswer", "fullanswer", "response", "output", "solution"),
    ),
    "choices": ("choices", "options", "candidates", "alternatives", "multiplechoices", "answerchoices"),
    "id": ("id", "itemid", "questionid", "qid", "uid", "sampleid", "exampleid", "pid", "index", "idx"),
    "kind": ("kind", "questiontype", "qtype", "type", "category", "task", "tasktype"),
    "tags": ("tags", "tag", "keywords"),
    "evidence": ("evidence", "evidenceboxes", "bbox", "bboxes", "boxes", "box", "region", "regions", "boundingbox"),
}
# Columns that become `name:value` where there is no column of tags.
FACETS = frozenset(
    (
        *("difficulty", "level", "topic", "subject", "subfield", "skill", "grade", "domain", "language", "subset"),
        *("subcategory", "l2category", "imagesource", "imgtype", "answertype"),
    )
)
# Long enough that no path looks so.
BASE64_HEAD = re.compile(r"[A-Za-z0-9+/]{200}")
LETTERED = re.compile(r"(?:option|choice|answer)?([a-h])")

_PLAIN = re.compile(r"[^a-z0-9]+")


def guess_columns(columns: Sequence[str], rows: Sequence[Row], given: Mapping[str, str]) -> ColumnMap:
    """Return which column means what: as `given` says, and for the other fields as names and first rows suggest.

    An empty name in `given` says that no column has that meaning. `choices` and `tags` may be several names joined by
    commas. Raises `UserError` for a field or a column that does not exist.
    """
    chosen = {name: _checked(name, text, columns) for name, text in given.items()}
    used = {part for name, text in chosen.items() for part in split_columns(name, text, columns)}
    free = [column for column in columns if column not in used]
    guessed = []
    for name in FIELDS:
        if name in chosen:
            continue
        column = _guess(name, free, rows)
        if column:
            chosen[name] = column
            guessed.append(name)
            free = [other for other in free if other not in split_columns(name, column, columns)]
    return replace(ColumnMap(), **chosen, guessed=tuple(guessed))


def require_columns(found: ColumnMap, columns: Sequence[str]) -> None:
    """Raise a `UserError` that lists the columns where none is known to hold the pictures, questions or answers."""
    missing = [name for name in REQUIRED if not getattr(found, name)]
    if missing:
        raise UserError(
            f"It is not clear which column holds the {_and(missing)}: name it. The columns are {_list(columns)}."
        )


def split_columns(field: str, text: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that a field of a map names: one, several where the field may have them, or none."""
    if not text:
        return ()
    if text in columns or field not in SEVERAL:
        return (text,)
    return tuple(part.strip() for part in text.split(",") if part.strip())


def plain(name: str) -> str:
    """Return a column's name without case, spaces and marks."""
    return _PLAIN.sub("", name.lower())


def _checked(field: str, text: str, columns: Sequence[str]) -> str:
    if field not in FIELDS:
        raise UserError(f"There is no field {shorten(field)} to name a column for: the fields are {_list(FIELDS)}.")
    for part in split_columns(field, text, columns):
        if part not in columns:
            near = difflib.get_close_matches(part, columns, n=1, cutoff=0.5)
            hint = f" Did you mean {shorten(near[0])}?" if near else ""
            raise UserError(f"There is no column {shorten(part)}: the columns are {_list(columns)}.{hint}")
    return text


def _guess(field: str, free: Sequence[str], rows: Sequence[Row]) -> str:
    by_plain: dict[str, str] = {}
    for column in free:
        by_plain.setdefault(plain(column), column)
    named = [by_plain[name] for name in NAMES[field] if name in by_plain]
    filled = [column for column in named if _values(column, rows)] or (named if field != "choices" else [])
    if field == "image":
        return _guess_image(filled, free, rows)
    if filled:
        return filled[0]
    if field == "choices":
        return _guess_lettered(free)
    if field == "tags":
        return ",".join(column for column in free if plain(column) in FACETS and "," not in column)
    return _guess_question(free, rows) if field == "question" else ""


def _guess_image(named: Sequence[str], free: Sequence[str], rows: Sequence[Row]) -> str:
    """Prefer a column that is called so and holds pictures, then one that holds them, then one that is called so."""
    holding = [column for column in free if _share(column, rows, _looks_like_picture) > 1 / 2]
    both = [column for column in named if column in holding]
    return next(iter([*both, *holding, *named]), "")


def _guess_question(free: Sequence[str], rows: Sequence[Row]) -> str:
    asking = [column for column in free if _share(column, rows, _looks_like_question) > 1 / 2]
    return asking[0] if asking else ""


def _guess_lettered(free: Sequence[str]) -> str:
    """Return the columns A, B, C, ... (or option_a, ...) that follow each other; at least two."""
    by_letter: dict[str, str] = {}
    for column in free:
        match = LETTERED.fullmatch(plain(column))
        if match and "," not in column:
            by_letter.setdefault(match[1], column)
    run = []
    for letter in "abcdefgh":
        if letter not in by_letter:
            break
        run.append(by_letter[letter])
    return ",".join(run) if len(run) > 1 else ""


def _values(column: str, rows: Sequence[Row]) -> list[object]:
    values = (row.cells.get(column) for row in rows if not row.broken)
    return [value for value in values if not is_missing(value)]


def _share(column: str, rows: Sequence[Row], test: object) -> float:
    values = _values(column, rows)
    return sum(map(test, values)) / len(values) if callable(test) and values else 0.0


def _looks_like_picture(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and _looks_like_picture(value[0])
    if isinstance(value, str):
        text = value.strip()
        named = len(text) <= MAX_NAME and is_picture(text) and "://" not in text
        return named or text.startswith("data:image/") or BASE64_HEAD.match(text) is not None
    return isinstance(value, bytes | bytearray) or (isinstance(value, dict) and bool({"bytes", "path"} & value.keys()))


def _looks_like_question(value: object) -> bool:
    return isinstance(value, str) and value.rstrip().endswith("?")


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and the {names[-1]}"


def _list(names: Sequence[str]) -> str:
    return ", ".join(shorten(name) for name in names)
