"""The catalogue that a machine gets, from settings, file, folders and the Hub."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants, snapshot_download

from microscope.catalog.build import build_catalog, choose_preset, named_repositories
from microscope.catalog.file import read_file
from microscope.catalog.spec import Catalog
from microscope.errors import UserError
from microscope.hardware import GB, GIB, Machine, tier
from tests.hub.checkpoints import write_adapter, write_checkpoint
from tests.hub.loopback_hub import LoopbackHub

FILE = """
models:
  embedded: {run: run}
  small: {hub: org/model, label: Small, min_vram: 1GB}
  large: {hub: org/large, min_vram: 40GB}
  gated: {hub: org/gated, gated: true}
  broken: {hub: org/name, dtype: bf16}
presets:
  cpu-basic: [embedded]
  t4-small: [small, embedded]
  a10g-small: [small, large, broken, embedded]
  secret: {needs_token: true, models: [gated]}
"""


@dataclass(frozen=True)
class Choice:
    """The settings that the catalogue reads."""

    catalog: Path
    models: str = ""
    preset: str | None = None
    offline: bool = False
    has_token: bool = False


def machine(name: str, vram: int = 0, kind: str = "") -> Machine:
    known = tier(name)
    assert known is not None
    kind = kind or ("zero" if name == "zero-a10g" else "cuda" if known.gpus else "cpu")
    memory = vram if kind in {"mps", "cpu"} or vram else known.vram_bytes
    return Machine(kind, known, 16 * GIB, memory, 2, name, known.dtype)


CPU, T4, A10G, A100 = (machine(name) for name in ("cpu-basic", "t4-small", "a10g-small", "a100-large"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a catalogue file beside a run of two checkpoints."""
    for step in (200, 30):
        write_checkpoint(tmp_path / f"run/step-{step}")
    (tmp_path / "models.yaml").write_text(FILE)
    return tmp_path / "models.yaml"


def keys(catalog: Catalog) -> list[str]:
    return [spec.key for spec in catalog.specs]


def test_a_machine_gets_the_preset_of_its_tier(path: Path) -> None:
    catalog = build_catalog(Choice(path), T4)
    assert catalog.preset == "t4-small"
    assert keys(catalog) == ["small", "step-30", "step-200"]
    assert not catalog.bad
    spec = catalog.get("step-30")
    assert spec is not None
    assert spec.source == str((path.parent / "run/step-30").resolve())


def test_no_request_is_made_for_a_preset(path: Path, hub: LoopbackHub, api: HfApi) -> None:
    build_catalog(Choice(path, preset="secret", has_token=True), A10G, api)
    build_catalog(Choice(path), T4, api)
    assert not hub.requests


def test_the_machine_decides_what_the_entry_does_not(path: Path) -> None:
    path.write_text("models:\n  a: {hub: org/a}\n  b: {hub: org/b, dtype: float32, image_budget: 64x64}\n"
                    "presets:\n  t4-small: [a, b]\n  a10g-small: [a]\n  cpu-basic: [a]\n")  # fmt: skip
    mine, other = build_catalog(Choice(path), T4).specs
    assert (mine.dtype, mine.image_budget) == ("float16", T4.tier.image_budget)
    assert (other.dtype, other.image_budget) == ("float32", 64 * 64)
    assert build_catalog(Choice(path), A10G).specs[0].dtype == "bfloat16"
    assert build_catalog(Choice(path), CPU).specs[0].dtype == "auto"


def test_what_does_not_fit_is_greyed_with_its_reason(path: Path) -> None:
    catalog = build_catalog(Choice(path), A10G)
    assert "large" not in keys(catalog)
    bad = {entry.name: entry for entry in catalog.bad}
    assert bad["large"].reason == (
        "models.yaml, line 5: org/large needs 40 GB of memory and this machine has 24 GB: use larger hardware."
    )
    assert bad["broken"].line == 7
    assert "dtype is 'bf16'" in bad["broken"].reason
    assert "large" in keys(build_catalog(Choice(path, preset="a10g-small"), A100))


def test_a_bad_entry_of_another_preset_is_not_shown(path: Path) -> None:
    assert not build_catalog(Choice(path), T4).bad


def test_a_bad_entry_of_no_preset_is_shown(path: Path) -> None:
    path.write_text(FILE.replace("large, broken,", "large,"))
    assert [bad.name for bad in build_catalog(Choice(path), T4).bad] == ["broken"]


def test_a_gated_model_needs_a_token(path: Path) -> None:
    without = build_catalog(Choice(path, preset="secret"), A10G)
    assert not without.specs
    assert "accept its licence on https://huggingface.co/org/gated" in without.bad[0].reason
    assert keys(build_catalog(Choice(path, preset="secret", has_token=True), A10G)) == ["gated"]


def test_a_preset_that_is_not_there_falls_back_and_says_so(path: Path) -> None:
    catalog = build_catalog(Choice(path, preset="t4-smal"), T4)
    assert catalog.preset == "t4-small"
    assert keys(catalog) == ["small", "step-30", "step-200"]
    assert "MICROSCOPE_PRESET is 't4-smal'" in catalog.bad[0].reason
    assert catalog.bad[0].reason.endswith("did you mean 't4-small'?")
    assert (
        build_catalog(Choice(path, preset="zzz"), T4)
        .bad[0]
        .reason.endswith("cpu-basic, t4-small, a10g-small, secret.")
    )


@pytest.mark.parametrize(
    ("found", "preset"),
    [
        (CPU, "cpu-basic"),
        (machine("cpu-upgrade"), "cpu-basic"),
        (machine("local-cpu"), "cpu-basic"),
        (machine("t4-medium", 15_843_721_216), "t4-small"),
        (machine("l4x1", 23_609_475_072), "a10g-small"),
        (machine("a100-large"), "a10g-small"),
        (machine("zero-a10g"), "a10g-small"),
        (machine("local-cuda", 6 * GB), "cpu-basic"),
        (machine("local-cuda", 17 * GB), "t4-small"),
        (machine("local-cuda", 25 * GB), "a10g-small"),
        (machine("local-mps", kind="mps"), "cpu-basic"),
    ],
)
def test_a_tier_without_a_preset_takes_the_nearest_smaller_one(
    path: Path, found: Machine, preset: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "microscope"):
        assert build_catalog(Choice(path), found).preset == preset
    assert (f"using {preset}" in caplog.text) is (found.tier.name != preset)


def test_presets_that_need_a_token_or_pack_are_never_the_nearest(path: Path) -> None:
    path.write_text(
        "models:\n  a: {hub: org/a}\npresets:\n  zero-a10g: [a]\n  t4-small: {needs_token: true, models: [a]}\n"
    )
    file = read_file(path)
    assert choose_preset(file, A10G) is None
    exact = choose_preset(file, machine("zero-a10g"))
    assert exact is not None
    catalog = build_catalog(Choice(path), A10G)
    assert (catalog.specs, catalog.preset) == ((), "")
    assert "no preset for a10g-small" in catalog.bad[0].reason


def test_an_override_replaces_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    catalog = build_catalog(Choice(Path("none.yaml"), models="org/a, org/b@rev, ./run, ./none"), T4)
    assert keys(catalog) == ["org/a", "org/b@rev", "step-30", "step-200"]
    assert catalog.preset == "MICROSCOPE_MODELS"
    assert [bad.name for bad in catalog.bad] == ["./none"]
    assert {spec.dtype for spec in catalog.specs} == {"float16"}


def test_runs_on_the_hub_are_searched(path: Path, api: HfApi) -> None:
    catalog = build_catalog(Choice(path, models="org/run@*, org/folders/*"), T4, api)
    assert keys(catalog)[:4] == ["org/run@step-30", "org/run@step-200", "org/run@step-1000", "org/run@v1.0"]
    assert "org/folders/checkpoint-900" in keys(catalog)
    assert {bad.name for bad in catalog.bad} == {"org/run@broken", "org/folders/half", "org/folders/lora"}
    assert all(bad.reason.startswith("MICROSCOPE_MODELS: ") for bad in catalog.bad)


def test_a_hub_that_cannot_be_reached_greys_its_entry_alone(path: Path, hub: LoopbackHub, api: HfApi) -> None:
    hub.fail(500)
    catalog = build_catalog(Choice(path, models="org/run@*, org/a"), T4, api)
    assert keys(catalog) == ["org/a"]
    assert [bad.name for bad in catalog.bad] == ["org/run@*"]


def test_offline_only_what_is_on_this_machine_is_offered(path: Path, hub: LoopbackHub, api: HfApi) -> None:
    nothing = build_catalog(Choice(path, offline=True), T4, api)
    assert keys(nothing) == ["step-30", "step-200"]
    assert "HF_HUB_OFFLINE" in nothing.bad[0].reason
    snapshot_download("org/model", endpoint=hub.url, cache_dir=constants.HF_HUB_CACHE)
    asked = hub.count()
    assert keys(build_catalog(Choice(path, offline=True), T4, api)) == ["small", "step-30", "step-200"]
    run = build_catalog(Choice(path, models="org/run@*", offline=True), T4, api)
    assert "listed offline" in run.bad[0].reason
    assert hub.count() == asked


def test_folders_of_one_name_get_their_parents_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    for run in ("first", "second"):
        write_checkpoint(path.parent / run / "step-30")
    write_checkpoint(path.parent / "second/step-40")
    catalog = build_catalog(Choice(path, models="./first, ./second, ./second/step-40"), T4)
    assert keys(catalog) == ["first/step-30", "second/step-30", "second/step-40"]
    assert [bad.name for bad in catalog.bad] == ["second/step-40"]
    assert "entered twice" in catalog.bad[0].reason


def test_a_single_folder_has_its_name_as_key(path: Path) -> None:
    write_adapter(path.parent / "run/lora")
    path.write_text("models:\n  mine: {folder: run/step-30, label: Mine}\n  lora: {adapter: run/lora}\n"
                    "  gone: {folder: run/none}\npresets:\n  t4-small: [mine, lora, gone]\n")  # fmt: skip
    catalog = build_catalog(Choice(path), T4)
    mine, lora = catalog.specs
    assert (mine.key, mine.label) == ("step-30", "Mine")
    assert (lora.key, lora.base) == ("lora", "org/base")
    assert catalog.bad[0].reason.startswith("models.yaml, line 4: The folder ")


def test_a_missing_or_broken_file_is_a_sentence(path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        build_catalog(Choice(path.with_name("none.yaml")), T4)
    path.write_text("models: [")
    with pytest.raises(UserError, match="not valid YAML"):
        build_catalog(Choice(path), T4)


def test_the_repositories_that_are_named_count_whatever_is_in_them(path: Path) -> None:
    path.write_text("""
models:
  later: {run: org/later@*}
  tuned: {adapter: org/tuned, base: org/base, processor_from: org/tools}
  here: {run: run}
  bad: {hub: org/bad, dtype: bf16}
presets:
  cpu-basic: [later, tuned, here, bad]
""")
    assert named_repositories(Choice(path), CPU) == {"org/later", "org/tuned", "org/base", "org/tools"}
    assert named_repositories(Choice(path, "org/a@v1, org/b/*, ./run"), CPU) == {"org/a", "org/b"}
    path.write_text("models: [")
    with pytest.raises(UserError, match="not valid YAML"):
        named_repositories(Choice(path), CPU)
