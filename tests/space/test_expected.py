"""What a tier offers agrees with what the app offers there, and a Space that has other hardware says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from microscope.catalog.build import build_catalog
from microscope.catalog.file import ModelFile, read_file
from microscope.hardware import GB, TIERS, Accelerator, Machine, Tier, detect, tier
from microscope.settings import REPOSITORY, Settings
from microscope.space.expected import asked_tier, machine_of, mismatch_sentence, monthly_cost, offer, offers

HUB = tuple(known for known in TIERS if known.on_hub)
MODELS = """
models:
  light:
    hub: org/light
    min_vram: 1GB
  heavy:
    hub: org/heavy
    min_vram: 20GB
  any:
    hub: org/any
presets:
  t4-small: [light, heavy, any]
  a100-large: [heavy]
"""
T4 = Accelerator("cuda", "Tesla T4", 15_843_721_216, (7, 5))


@dataclass(frozen=True)
class Asked:
    """What the catalogue is asked for: everything that a Space without a token may have."""

    catalog: Path
    models: str = ""
    preset: str | None = None
    offline: bool = False
    has_token: bool = False


@pytest.fixture
def models(tmp_path: Path) -> ModelFile:
    """Return a catalogue of which a small card holds a part."""
    (tmp_path / "models.yaml").write_text(MODELS)
    return read_file(tmp_path / "models.yaml")


def known(name: str) -> Tier:
    """Return a tier that there is."""
    found = tier(name)
    assert found is not None
    return found


@pytest.mark.parametrize("one", HUB, ids=lambda one: one.name)
def test_every_tier_is_offered_what_the_app_offers_there(one: Tier) -> None:
    file = read_file(REPOSITORY / "models.yaml")
    catalog = build_catalog(Asked(REPOSITORY / "models.yaml"), machine_of(one))
    found = offer(one, file)
    assert (found.preset, catalog.bad) == (catalog.preset, ())
    runs = {entry.name for entry in file.entries if entry.search is not None}
    assert [name for name in found.fitting if name not in runs] == [
        spec.key for spec in catalog.specs if not spec.folder
    ]


@pytest.mark.parametrize("name", ["cpu-basic", "t4-small", "l40sx1", "a100-large"])
def test_what_does_not_fit_is_what_the_app_refuses(name: str, models: ModelFile) -> None:
    catalog = build_catalog(Asked(models.path), machine_of(known(name)))
    found = offer(known(name), models)
    assert found.preset == catalog.preset
    assert list(found.fitting) == [spec.key for spec in catalog.specs]
    refused = [bad.name for bad in catalog.bad if "needs" in bad.reason]
    assert [entry for entry in found.listed if entry not in found.fitting] == refused


def test_a_tier_without_a_preset_offers_nothing(models: ModelFile) -> None:
    found = offer(known("cpu-basic"), models)
    assert (found.preset, found.fitting, found.listed) == ("", (), ())


def test_the_tier_that_is_asked_for_is_marked() -> None:
    found = offers(read_file(REPOSITORY / "models.yaml"), known("t4-small"))
    assert [one.tier for one in found] == list(HUB)
    assert [one.tier.name for one in found if one.asked] == ["t4-small"]


@pytest.mark.parametrize(
    ("name", "platform", "gpu"),
    [("t4-small", {"ACCELERATOR": "t4-small"}, T4), ("zero-a10g", {"SPACES_ZERO_GPU": "true"}, None)],
)
def test_a_tiers_machine_is_like_the_one_that_is_found(
    name: str, platform: dict[str, str], gpu: Accelerator | None
) -> None:
    stated, found = machine_of(known(name)), machine({"SYSTEM": "spaces", **platform}, gpu)
    assert (stated.kind, stated.tier, stated.dtype) == (found.kind, found.tier, found.dtype)
    assert stated.weights_budget_bytes == pytest.approx(found.weights_budget_bytes, abs=GB)


def test_a_months_cost_is_of_hours_awake() -> None:
    assert monthly_cost(known("t4-small")) == pytest.approx(0.40 * 730)
    assert monthly_cost(known("t4-small"), 6) == pytest.approx(0.40 * 730 / 4)
    assert monthly_cost(known("cpu-basic")) == 0
    assert monthly_cost(known("zero-a10g")) is None


def machine(environ: Mapping[str, str], gpu: Accelerator | None = None) -> Machine:
    """Return the machine that is found under an environment."""
    return detect(Settings.from_environment(environ).platform, probe=lambda: gpu)


def said(readme: Path, environ: Mapping[str, str], gpu: Accelerator | None = None) -> str:
    """Return what is said at start under an environment."""
    return mismatch_sentence(readme, Settings.from_environment(environ), machine(environ, gpu))


@pytest.fixture
def readme(tmp_path: Path) -> Path:
    """Return a README that asks for a T4."""
    path = tmp_path / "README.md"
    path.write_text("---\ntitle: x\nsdk: gradio\nsuggested_hardware: t4-small\n---\n")
    return path


ON_CPU = {"SYSTEM": "spaces", "ACCELERATOR": "none", "MEMORY": "16Gi"}
ON_T4 = {"SYSTEM": "spaces", "ACCELERATOR": "t4-small"}


def test_a_space_with_other_hardware_says_so(readme: Path) -> None:
    assert "asks for t4-small, and this Space runs on cpu-basic" in said(readme, ON_CPU)


def test_a_space_with_what_was_asked_for_says_nothing(readme: Path) -> None:
    assert said(readme, ON_T4, T4) == ""


def test_a_card_that_cannot_be_used_is_no_reason_to_ask_for_it_again(readme: Path) -> None:
    found = said(readme, ON_T4)
    assert "GPU cannot be used" in found
    assert "restart" in found


def test_a_machine_of_ones_own_says_nothing(readme: Path) -> None:
    assert said(readme, {"ACCELERATOR": "none"}) == ""
    assert said(readme, {}, T4) == ""


@pytest.mark.parametrize("content", [None, b"# no front matter", b"---\nsuggested_hardware: t5\n---\n", b"\xff\xfe"])
def test_a_readme_that_asks_for_nothing_is_no_mismatch(readme: Path, content: bytes | None) -> None:
    readme.unlink()
    if content is not None:
        readme.write_bytes(content)
    assert asked_tier(readme) is None
    assert said(readme, ON_CPU) == ""
