"""Processors load once, as transformers loads them, and what is missing or dangerous says so."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.engine import processors
from microscope.engine.processors import Processors
from microscope.errors import UserError
from tests.families import FAMILIES, local_of


@pytest.fixture
def folder(checkpoint: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a copy of a checkpoint to change."""
    return shutil.copytree(checkpoint("idefics3"), tmp_path / "run")


def edit_image_processor(folder: Path, **changes: object) -> None:
    file = folder / "processor_config.json"
    settings = json.loads(file.read_text())
    settings["image_processor"].update(changes)
    file.write_text(json.dumps(settings))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_its_own_processor(family: str, checkpoint: Callable[..., Path]) -> None:
    processor = Processors().get(local_of(checkpoint(family)))
    expected = family.replace("_", "").removesuffix("onevision")
    assert type(processor).__name__.lower().replace("_", "").startswith(expected)
    assert processor.image_processor is not None


def test_a_processor_is_loaded_once_by_however_many_threads(folder: Path) -> None:
    kept, local, found = Processors(), local_of(folder), []
    threads = [threading.Thread(target=lambda: found.append(kept.get(local))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(map(id, found))) == 1


def test_a_forked_child_does_not_wait_for_its_parents_threads(folder: Path) -> None:
    kept, local = Processors(), local_of(folder)
    kept.get(local)
    with kept._lock:
        child = os.fork()
        if child == 0:
            # What the parent holds here would never be released.
            os._exit(0 if kept.get(local) is not None else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_the_most_recently_used_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "KEPT", 2)
    kept, local = Processors(), local_of(folder)
    first, second, third = (replace(local, identity=name) for name in ("first", "second", "third"))
    loaded = kept.get(first)
    kept.get(second)
    assert kept.get(first) is loaded
    kept.get(third)
    assert kept.get(first) is loaded
    assert set(kept._kept) == {first.cache_key, third.cache_key}


@pytest.mark.parametrize("family", ["idefics3", "smolvlm", "qwen2_5_vl"])
def test_one_saved_with_a_pil_image_processor_comes_back_with_it(
    family: str, checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoint(family), tmp_path / "run")
    given = json.loads((folder / "processor_config.json").read_text())["image_processor"]["image_processor_type"]
    edit_image_processor(folder, image_processor_type=f"{given}Pil")
    image_processor = Processors().get(local_of(folder)).image_processor
    assert type(image_processor).__name__ == f"{given}Pil"


def test_a_folder_with_a_tokenizer_alone_asks_for_a_processor(folder: Path) -> None:
    (folder / "processor_config.json").unlink()
    with pytest.raises(
        UserError, match=r"run has (no usable processor|a tokenizer but no image processor).*processor_from"
    ):
        Processors().get(local_of(folder))


def test_a_folder_with_neither_asks_for_a_processor(folder: Path) -> None:
    for name in ("processor_config.json", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(UserError, match=r"run has no usable processor in run .*processor_from in models\.yaml"):
        Processors().get(local_of(folder))


def test_one_that_failed_is_tried_again(folder: Path) -> None:
    kept, local = Processors(), local_of(folder)
    (folder / "tokenizer.json").rename(folder / "away")
    with pytest.raises(UserError):
        kept.get(local)
    (folder / "away").rename(folder / "tokenizer.json")
    assert kept.get(local) is not None


def test_a_processors_own_code_never_runs(folder: Path) -> None:
    (folder / "processing_own.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    file = folder / "processor_config.json"
    settings = json.loads(file.read_text()) | {
        "auto_map": {"AutoProcessor": "processing_own.Own"},
        "processor_class": "Own",
    }
    file.write_text(json.dumps(settings))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "nonesuch"}))
    with pytest.raises(UserError):
        Processors().get(local_of(folder))
    assert not (folder / "ran").exists()


@pytest.mark.parametrize(
    "sizes",
    [
        {"size": {"longest_edge": 40_000}},
        {"size": {"height": 40_000, "width": 40_000}},
        {"max_image_size": {"longest_edge": 40_000}},
        {"crop_size": {"height": 64, "width": 40_000}},
        {"size": {"shortest_edge": 3136, "longest_edge": 10**9}},
    ],
)
def test_sizes_without_bound_are_refused(sizes: dict[str, object], folder: Path) -> None:
    edit_image_processor(folder, **sizes)
    with pytest.raises(UserError, match=r"asks for images of \d+ px a side and 8192 px is the most allowed"):
        Processors().get(local_of(folder))


def test_pixels_that_families_count_in_total_are_no_sides(checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoint("qwen2_5_vl"), tmp_path / "run")
    edit_image_processor(folder, size={"shortest_edge": 56 * 56, "longest_edge": 28 * 28 * 16_384})
    assert Processors().get(local_of(folder)) is not None
