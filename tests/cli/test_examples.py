"""The answers to the page's examples, computed ahead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from microscope.settings import REPOSITORY
from tests.cli.commands import FOLDERS, ran


def test_every_example_is_answered_by_every_checkpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MICROSCOPE_MODELS", str(FOLDERS[0]))
    out = tmp_path / "answers.json"
    found = ran("examples", "--out", out)
    assert found.status == 0
    written = json.loads(out.read_text(encoding="utf-8"))
    shipped = json.loads((REPOSITORY / "assets" / "examples" / "answers.json").read_text(encoding="utf-8"))
    assert {row["example"] for row in written} == {row["example"] for row in shipped}
    assert found.out == f"{len(written)} answers in {out}\n"


def test_a_folder_that_is_not_there_is_said_before_anything_is_computed(tmp_path: Path) -> None:
    found = ran("examples", "--out", tmp_path / "nowhere" / "answers.json")
    assert (found.status, found.out) == (1, "")
    assert found.err.startswith(f"There is no folder {tmp_path / 'nowhere'}")
