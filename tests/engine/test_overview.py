"""The overview tells where every checkpoint is, and the owner moves them with a sentence about what came of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.catalog.spec import Catalog, ModelSpec
from microscope.engine.build import Engine, build_engine
from microscope.engine.overview import ModelRow, load_model, overview, pin_model, unload_model
from microscope.errors import UserError
from microscope.hardware import Machine, tier
from microscope.settings import Settings
from tests.families import spec_of


@pytest.fixture
def folders(checkpoint: Callable[..., Path], tmp_path: Path) -> list[Path]:
    return [shutil.copytree(checkpoint("idefics3", seed), tmp_path / f"run-{seed}") for seed in (0, 1)]


@pytest.fixture
def engine(folders: list[Path], tmp_path: Path) -> Engine:
    """Return an engine of two checkpoints in folders, and one on the Hub that was never downloaded."""
    found = tier("cpu-basic")
    assert found is not None
    machine = Machine("cpu", found, 16 * 10**9, 0, 2, "CPU", "auto")
    settings = Settings.from_environment({"MICROSCOPE_DATA": str(tmp_path), "HF_HUB_OFFLINE": "1"})
    specs = (*(spec_of(folder, dtype="auto") for folder in folders), ModelSpec("far", "Far away", "nobody/nothing"))
    return build_engine(settings, machine, Catalog(specs))


def rows(engine: Engine) -> dict[str, ModelRow]:
    return {row.key: row for row in overview(engine).rows}


def test_before_anything_is_asked_checkpoints_are_on_disk_or_on_the_hub(engine: Engine) -> None:
    seen = overview(engine)
    assert [row.key for row in seen.rows] == ["run-0", "run-1", "far"]
    assert {row.place for row in seen.rows[:2]} <= {"disk", "page cache"}
    assert seen.rows[2].place == "hub"
    assert seen.rows[0].bytes > 0
    assert (seen.used, seen.device, seen.zero, seen.waiting) == (0, "cpu", False, 0)
    assert seen.plan.startswith("cpu, 16 GB")


def test_what_is_loaded_says_where_it_is_and_who_uses_it(engine: Engine) -> None:
    assert load_model(engine, "run-0") == "run-0 is in memory."
    assert load_model(engine, "run-0") == "run-0 is in memory already."
    row = rows(engine)["run-0"]
    assert (row.place, row.leases, row.pinned) == ("mapped", 0, False)
    assert row.mapped > row.bytes * 0.9
    with engine.models.lease(engine.answerer.fetcher.fetch(engine.catalog.specs[0])):
        assert rows(engine)["run-0"].leases == 1
        with pytest.raises(UserError, match="in use"):
            unload_model(engine, "run-0")
    assert overview(engine).events[0].kind.value == "load"
    assert overview(engine).used == row.bytes


def test_the_model_of_the_revision_before_is_not_taken_for_that_of_this_one(engine: Engine) -> None:
    load_model(engine, "run-0")
    first, second, _ = engine.catalog.specs
    newer = replace(second, key="run-0")
    engine.offered.change(lambda catalog: replace(catalog, specs=(newer,)))
    engine.answerer.fetcher.fetch(newer)
    assert rows(engine)["run-0"].place in ("page cache", "disk")
    engine.offered.change(lambda catalog: replace(catalog, specs=(first,)))
    assert rows(engine)["run-0"].place == "mapped"


def test_unloading_leaves_the_files(engine: Engine, folders: list[Path]) -> None:
    load_model(engine, "run-0")
    assert unload_model(engine, "run-0") == "run-0 was let go of; its files stay."
    assert rows(engine)["run-0"].place in ("page cache", "disk")
    assert rows(engine)["run-0"].last_used is None, "it was loaded, and not used"
    with engine.models.lease(engine.answerer.fetcher.fetch(engine.catalog.specs[0])):
        pass
    unload_model(engine, "run-0")
    assert rows(engine)["run-0"].last_used is not None
    assert unload_model(engine, "run-0") == "run-0 is not in memory."
    assert (folders[0] / "model.safetensors").exists()


def test_pinning_needs_a_model_in_memory(engine: Engine) -> None:
    with pytest.raises(UserError, match="load it first"):
        pin_model(engine, "run-0", on=True)
    load_model(engine, "run-0")
    assert pin_model(engine, "run-0", on=True) == "run-0 stays in memory until it is unpinned."
    assert rows(engine)["run-0"].pinned
    assert pin_model(engine, "run-0", on=False) == "run-0 may be let go of again."
    assert not rows(engine)["run-0"].pinned


def test_what_cannot_be_loaded_says_why_until_it_is_tried_again(engine: Engine, folders: list[Path]) -> None:
    (folders[0] / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"no usable config\.json|could not be loaded|architecture"):
        load_model(engine, "run-0")
    assert "It is tried again in 1 s." in rows(engine)["run-0"].note
    with pytest.raises(UserError, match="no checkpoint 'nonesuch'"):
        load_model(engine, "nonesuch")


def test_on_zero_gpu_nothing_can_be_moved(engine: Engine) -> None:
    engine.answerer.door.zero = True
    for act in (load_model, unload_model):
        with pytest.raises(UserError, match="On ZeroGPU"):
            act(engine, "run-0")
    assert replace(rows(engine)["run-0"], note="").key == "run-0"
