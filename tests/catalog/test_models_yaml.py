"""The catalogue that ships: nothing in it is bad, and every preset keeps what it promises."""

from __future__ import annotations

import pytest
from transformers import CONFIG_MAPPING, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

from microscope.catalog.build import choose_preset
from microscope.catalog.file import Entry, ModelFile, Preset, read_file
from microscope.hardware import Machine, tier
from microscope.settings import REPOSITORY, Settings

FILE: ModelFile = read_file(Settings.from_environment({}).catalog)
PRESETS = {preset.name: preset for preset in FILE.presets}


def entries_of(preset: Preset) -> list[Entry]:
    return [entry for name, _ in preset.entries if (entry := FILE.entry(name)) is not None]


def test_nothing_in_it_is_bad() -> None:
    assert FILE.path == REPOSITORY / "models.yaml"
    assert not FILE.bad
    assert not [preset.name for preset in FILE.presets if preset.bad]


def test_there_is_a_preset_for_each_kind_of_space() -> None:
    assert {"cpu-basic", "zero-a10g", "t4-small", "a10g-small", "a100-large"} <= set(PRESETS)


def test_every_entry_is_offered_somewhere() -> None:
    assert {entry.name for entry in FILE.entries} == {name for preset in FILE.presets for name, _ in preset.entries}


@pytest.mark.parametrize("name", PRESETS)
def test_the_embedded_run_is_in_every_preset(name: str) -> None:
    runs = [entry.spec.source for entry in entries_of(PRESETS[name]) if entry.search is not None]
    assert runs == [str(REPOSITORY / "assets/checkpoints")]


def test_a_cpu_gets_the_embedded_run_alone() -> None:
    assert [name for name, _ in PRESETS["cpu-basic"].entries] == ["embedded"]


@pytest.mark.parametrize("name", PRESETS)
def test_gated_models_are_only_where_a_token_is_needed(name: str) -> None:
    preset = PRESETS[name]
    assert any(entry.spec.gated for entry in entries_of(preset)) is preset.needs_token


@pytest.mark.parametrize("name", [name for name in PRESETS if tier(name)])
def test_what_a_preset_offers_fits_its_hardware(name: str) -> None:
    known = tier(name)
    assert known is not None
    for entry in entries_of(PRESETS[name]):
        assert (entry.spec.min_vram or 0) <= (known.vram_bytes or known.ram_bytes), entry.name


def test_what_zerogpu_packs_is_small() -> None:
    known = tier("zero-a10g")
    assert known is not None
    weights = sum(2 * (entry.spec.parameters or 0) for entry in entries_of(PRESETS["zero-a10g"]))
    assert 0 < weights <= known.weights_budget_bytes


def test_weights_fit_the_memory_that_an_entry_asks_for() -> None:
    for entry in FILE.entries:
        spec = entry.spec
        if spec.min_vram is not None:
            assert spec.parameters is not None, entry.name
            assert 2 * spec.parameters < spec.min_vram, entry.name


@pytest.mark.parametrize("name", ["local-cpu", "local-cuda", "l4x1", "cpu-upgrade"])
def test_every_machine_has_a_preset(name: str) -> None:
    known = tier(name)
    assert known is not None
    machine = Machine("cuda", known, 16 * 10**9, 24 * 10**9, 4, "GPU", "bfloat16")
    preset = choose_preset(FILE, machine)
    assert preset is not None
    assert not preset.needs_token


@pytest.mark.parametrize(
    "family", ["smolvlm", "idefics3", "qwen2_5_vl", "qwen3_vl", "internvl", "lfm2_vl", "paligemma", "gemma3"]
)
def test_the_families_are_native_to_transformers(family: str) -> None:
    assert CONFIG_MAPPING[family] in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
