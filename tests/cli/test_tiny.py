"""Scoring the embedded checkpoints: a table, or a row a checkpoint as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from microscope.tiny.draw import QUESTION_KINDS
from tests.cli.commands import KEYS, ran


def test_evaluate_prints_a_row_a_checkpoint_as_json() -> None:
    found = ran("tiny", "evaluate", "--n", "16", "--json")
    assert found.status == 0
    rows = json.loads(found.out)
    assert [row["checkpoint"] for row in rows] == KEYS
    for row in rows:
        assert list(row) == ["checkpoint", "step", "n", "exact_match", "by_kind", "baseline"]
        assert row["n"] == 16
        assert set(row["by_kind"]) == set(QUESTION_KINDS)


def test_evaluate_prints_a_table_with_the_baseline_first() -> None:
    found = ran("tiny", "evaluate", "--n", "8")
    assert found.status == 0
    head, *rows = (line.split("\t") for line in found.out.splitlines())
    assert head == ["checkpoint", "all", *QUESTION_KINDS]
    assert [row[0] for row in rows] == ["always the most frequent", *KEYS]
    assert {len(row) for row in rows} == {len(head)}


def test_no_question_and_a_folder_without_checkpoints_are_said(tmp_path: Path) -> None:
    none = ran("tiny", "evaluate", "--n", "0")
    assert (none.status, none.err) == (1, "--n is 0; ask at least one question.\n")
    empty = ran("tiny", "evaluate", "--n", "8", "--folder", tmp_path)
    assert empty.status == 1
    assert empty.err.startswith(f"There are no checkpoints in {tmp_path}")
