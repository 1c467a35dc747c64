"""MICROSCOPE_MODELS, item by item."""

from __future__ import annotations

from pathlib import Path

import pytest

from microscope.catalog.file import Entry
from microscope.catalog.names import Search
from microscope.catalog.override import parse_override
from microscope.catalog.spec import BadEntry, ModelSpec
from tests.hub.checkpoints import write_adapter, write_checkpoint


def only(text: str, root: Path) -> Entry:
    (entry,) = parse_override(text, root)
    assert isinstance(entry, Entry), entry
    return entry


def test_items_come_in_order_without_blanks_and_repetitions(tmp_path: Path) -> None:
    entries = parse_override(" org/a ,, org/b@rev,org/a\n, org/run@* ", tmp_path)
    assert [entry.name for entry in entries] == ["org/a", "org/b@rev", "org/run@*"]


def test_a_hub_checkpoint(tmp_path: Path) -> None:
    assert only("org/b@rev", tmp_path).spec == ModelSpec("org/b@rev", "b@rev", "org/b", revision="rev")
    assert only("org/run/step-5", tmp_path).spec.subfolder == "step-5"
    assert only("org/a", tmp_path).search is None


@pytest.mark.parametrize(("item", "search"), [("org/run@*", Search.REVISIONS), ("org/run/*", Search.SUBFOLDERS)])
def test_a_hub_run(tmp_path: Path, item: str, search: Search) -> None:
    entry = only(item, tmp_path)
    assert (entry.search, entry.spec.source, entry.spec.label) == (search, "org/run", "")


def test_a_folder_that_is_a_checkpoint_stands_for_itself(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "runs/final")
    entry = only("./runs/final", tmp_path)
    assert entry.search is None
    assert entry.spec.folder
    assert entry.spec.source == str((tmp_path / "runs/final").resolve())


def test_a_folder_that_is_an_adapter_stands_for_itself(tmp_path: Path) -> None:
    write_adapter(tmp_path / "lora")
    assert only("./lora", tmp_path).search is None


@pytest.mark.parametrize("item", ["./runs", "./runs/", "./runs/*", "{root}/runs", "../{name}/runs"])
def test_a_folder_that_is_none_is_searched(tmp_path: Path, item: str) -> None:
    write_checkpoint(tmp_path / "runs/checkpoint-5")
    entry = only(item.format(root=tmp_path, name=tmp_path.name), tmp_path)
    assert entry.search is Search.FOLDER
    assert Path(entry.spec.source) == (tmp_path / "runs").resolve()


def test_a_star_searches_beside_a_final_model(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "run")
    assert only("./run/*", tmp_path).search is Search.FOLDER


@pytest.mark.parametrize(
    "item", ["./missing", "name", "org/a@", "org/a b", "*", "org/../b", "http://example.org/a", "./file"]
)
def test_a_bad_item_names_itself_and_what_is_allowed(tmp_path: Path, item: str) -> None:
    (tmp_path / "file").write_text("")
    good, bad = parse_override(f"org/a, {item}", tmp_path)
    assert isinstance(good, Entry)
    assert isinstance(bad, BadEntry)
    assert bad.name == item
    assert repr(item) in bad.reason
    assert bad.reason.startswith("MICROSCOPE_MODELS")
    assert "org/name" in bad.reason or "no such folder" in bad.reason
