"""Writes what is wrong with a set's rows, for people and for tables; knows no file format and judges nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import fields

from microscope.evaluation.items.base import ColumnMap, ItemSet, Problem
from microscope.evaluation.reports.clean import harmless


def validation_report(item_set: ItemSet) -> str:
    """Return what was read and every problem as plain text; each row stands in one line, with all that is to say."""
    facts, unit = item_set.facts, item_set.unit
    refused = {problem.row for problem in item_set.problems if problem.refused}
    noted = {problem.row for problem in item_set.problems} - refused
    lines = [
        f"Set: {facts.name}",
        f"Rows: {facts.rows:,}, of which {facts.rows - facts.refused:,} are items and {facts.refused:,} are refused",
        f"Pictures: {len({image.digest for image in item_set.images.values()}):,} different ones",
        f"Scorer that fits: {item_set.scorer}",
        f"SHA-256 of the items: {facts.digest}",
        f"Columns: {_columns(item_set.columns)}",
        *(f"Note: {note}" for note in item_set.notes),
    ]
    if refused:
        lines += ["", f"Refused ({len(refused):,})", *_by_row(item_set.problems, refused, unit)]
    if noted:
        lines += ["", f"Used, with a note ({len(noted):,})", *_by_row(item_set.problems, noted, unit)]
    if not item_set.problems:
        lines += ["", "Nothing is wrong with any row."]
    return "\n".join(lines) + "\n"


def first_problems(problems: Sequence[Problem], unit: str, most: int) -> str:
    """Return the first problems as one sentence each, and how many there are beyond them."""
    shown = " ".join(f"{unit.capitalize()} {problem.row}: {_said(problem)}" for problem in problems[:most])
    return shown if len(problems) <= most else f"{shown} ({len(problems) - most:,} more.)"


def problems_csv(problems: Iterable[Problem]) -> str:
    """Return the problems as CSV: row, column, message, refused; no cell can be taken for a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("row", "column", "message", "refused"))
    for problem in problems:
        refused = "yes" if problem.refused else "no"
        writer.writerow((problem.row, harmless(problem.column), harmless(problem.message), refused))
    return text.getvalue()


def _by_row(problems: Iterable[Problem], rows: set[int], unit: str) -> list[str]:
    by_row: dict[int, list[str]] = {}
    for problem in problems:
        if problem.row in rows:
            by_row.setdefault(problem.row, []).append(_said(problem))
    return [f"  {unit} {row}: {' '.join(said)}" for row, said in sorted(by_row.items())]


def _said(problem: Problem) -> str:
    return f"{problem.column}: {problem.message}" if problem.column else problem.message


def _columns(columns: ColumnMap) -> str:
    named = [(field.name, getattr(columns, field.name)) for field in fields(columns) if field.name != "guessed"]
    return ", ".join(
        f"{name} = {column}{' (guessed)' if name in columns.guessed else ''}" for name, column in named if column
    )
