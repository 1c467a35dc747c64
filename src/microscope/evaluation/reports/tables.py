"""Results as tables: one row an item, for spreadsheets and data frames; a summary with one row an arm.

Columns of an arm are named `key.what`. A text that others wrote never becomes a formula; numbers are numbers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from microscope.evaluation.analyse.canonical import canonical
from microscope.evaluation.analysis import Analysis
from microscope.evaluation.reports.clean import harmless, rounded, whole
from microscope.evaluation.results import STRICTNESS, Results

SUMMARY = (
    *("arm", "label", "score", "low", "high", "standard_error", "strict", "lenient", "letters", "items", "images"),
    *("unparsed", "failed", "cut", "complete_cases"),
)


TEXT, TEXTS, SCORE, TRUTH, COUNT = "text", "texts", "score", "truth", "count"


@dataclass(frozen=True)
class Column:
    """A column of the table of items: its name, what its values are, and the values in the items' order."""

    name: str
    type: str
    values: Sequence[Any]


def item_columns(results: Results) -> tuple[Column, ...]:
    """Return the table of items in the set's order; several references or tags are a list.

    Of each arm: answer, strict, normal and lenient score, whether the scorer could read an answer, the sentence of a
    failure (empty: none), whether the answer was cut, its tokens and its content address.
    """
    ordered, _ = canonical(results)
    items = ordered.items
    columns = [
        Column("id", TEXT, [whole(item.id) for item in items]),
        Column("image", TEXT, [whole(item.image) for item in items]),
        Column("image_sha256", TEXT, [ordered.images[cluster].digest for cluster in ordered.clusters]),
        Column("question", TEXT, [whole(item.question) for item in items]),
        Column("references", TEXTS, [[whole(answer) for answer in item.answers] for item in items]),
        Column("choices", TEXTS, [[whole(choice) for choice in item.choices] for item in items]),
        Column("kind", TEXT, [whole(item.kind) for item in items]),
        Column("tags", TEXTS, [[whole(tag) for tag in item.tags] for item in items]),
    ]
    for number in range(len(ordered.answers)):
        columns += _arm_columns(ordered, number)
    return tuple(columns)


def _arm_columns(results: Results, number: int) -> Iterable[Column]:
    answers = results.answers[number]
    key, count = answers.arm.key, len(results.items)
    scores = results.scores[:, :, number].astype(float)
    yield Column(f"{key}.answer", TEXT, [whole(text) for text in answers.texts])
    for axis, name in enumerate(STRICTNESS):
        yield Column(f"{key}.{name}", SCORE, [rounded(score) for score in scores[axis].tolist()])
    yield Column(f"{key}.parsed", TRUTH, results.parsed[:, number].astype(bool).tolist())
    yield Column(f"{key}.failure", TEXT, [whole(answers.failures.get(row, "")) for row in range(count)])
    yield Column(f"{key}.cut", TRUTH, [row in answers.cut for row in range(count)])
    yield Column(f"{key}.tokens", COUNT, [int(tokens) for tokens in answers.tokens])
    yield Column(f"{key}.address", TEXT, list(answers.addresses))


def items_csv(results: Results) -> str:
    """Return the table of items as CSV with a header; lists are joined by ` | `."""
    columns = item_columns(results)
    return _csv([column.name for column in columns], zip(*map(_joined, columns), strict=True))


def summary_csv(analysis: Analysis) -> str:
    """Return one row an arm as CSV: the score with its interval, and what makes it less than it seems."""
    rows = (
        (
            *(mark.key, mark.label, mark.score.value, mark.score.low, mark.score.high, mark.se),
            *(mark.strict, mark.lenient, mark.letters, mark.n, analysis.images),
            *(mark.unparsed, mark.failed, mark.cut, mark.complete),
        )
        for mark in analysis.marks
    )
    return _csv(SUMMARY, rows)


def _joined(column: Column) -> Sequence[Any]:
    return [" | ".join(value) for value in column.values] if column.type == TEXTS else column.values


def _csv(header: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([harmless(name) for name in header])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> str | float | None:
    """Return what stands in a cell: truth as 1 and 0, so that it can be summed up."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return rounded(value)
    if isinstance(value, int) or value is None:
        return value
    return harmless(str(value))
