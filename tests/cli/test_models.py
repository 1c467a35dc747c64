"""Listing what this machine offers, and what it does not and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import FOLDERS, KEYS, ran


def test_models_lists_key_label_source_and_revision() -> None:
    found = ran("models")
    assert (found.status, found.err) == (0, "")
    rows = [line.split("\t") for line in found.out.splitlines()]
    assert [(key, source) for key, _, source, _ in rows] == [(one.name, str(one)) for one in FOLDERS]
    assert all(label for _, label, _, _ in rows)


def test_models_says_what_is_not_available_and_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MICROSCOPE_MODELS", f"{FOLDERS[0]},{tmp_path / 'gone'}")
    found = ran("models")
    assert found.status == 0
    assert found.out.startswith(f"{KEYS[0]}\t")
    assert found.err.startswith("not available: ")
    assert "gone" in found.err
