"""The table of hardware: what it holds, offers and costs, and which one is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from microscope.catalog.file import read_file
from microscope.cli import tiers
from microscope.hardware import TIERS, Tier, tier
from microscope.settings import REPOSITORY
from microscope.space.expected import Offer, asked_tier, offer
from tests.cli.commands import ran

HUB = [known.name for known in TIERS if known.on_hub]


def rows(out: str) -> list[list[str]]:
    """Return the cells of the table's rows, the mark among them."""
    return [line.split() for line in out.split("\n\n", maxsplit=1)[0].splitlines()[1:]]


def asked() -> Tier:
    """Return the tier that this repository asks for."""
    found = asked_tier(REPOSITORY / "README.md")
    assert found is not None
    return found


def offered(name: str) -> Offer:
    """Return what a tier offers of this repository's catalogue."""
    found = tier(name)
    assert found is not None
    return offer(found, read_file(REPOSITORY / "models.yaml"))


def test_every_tier_has_a_row_and_the_one_asked_for_a_mark() -> None:
    found = ran("tiers")
    assert (found.status, found.err) == (0, "")
    assert [row[1] if row[0] == ">" else row[0] for row in rows(found.out)] == HUB
    assert [row[1] for row in rows(found.out) if row[0] == ">"] == [asked().name]
    assert f"README.md asks for {asked().name}." in found.out


def test_a_row_tells_memory_price_budget_preset_and_month() -> None:
    row = next(row for row in rows(ran("tiers").out) if "l4x4" in row)
    found = offered("l4x4")
    fits = f"{len(found.fitting)}/{len(found.listed)}"
    assert row[-9:] == ["l4x4", "4x24", "186", "3.80", "19.2", found.preset, fits, "2774", "578"]


def test_the_table_is_no_wider_than_a_terminal() -> None:
    lines = ran("tiers").out.splitlines()
    assert max(map(len, lines)) <= tiers.WIDTH
    columns = [line for line in lines if line.startswith(("  ", "> "))][: len(HUB) + 1]
    assert len({line.rindex(" ") for line in columns if line.endswith("free")}) == 1


def test_the_assumptions_are_said_and_can_be_changed() -> None:
    said = " ".join(ran("tiers").out.split())
    assert "and 5 hours a day: 4 of use in one go, and 3600 seconds until it sleeps" in said
    other = ran("tiers", "--hours-a-day", "1.5", "--sleep", "1800").out
    assert "and 2 hours a day: 1.5 of use in one go, and 1800 seconds" in " ".join(other.split())
    assert next(row for row in rows(other) if "t4-small" in row[:1])[-2:] == ["292", "24"]


@pytest.mark.parametrize(("hours", "sleep", "awake"), [("24", "3600", 24), ("0", "3600", 0), ("23.5", "7200", 24)])
def test_a_day_has_24_hours_and_unused_hardware_costs_nothing(hours: str, sleep: str, awake: float) -> None:
    found = json.loads(ran("tiers", "--json", "--hours-a-day", hours, "--sleep", sleep).out)
    assert found["assumed"]["awake_hours_a_day"] == awake


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--hours-a-day", "25"),
        ("--hours-a-day", "-1"),
        ("--hours-a-day", "nan"),
        ("--sleep", "-1"),
        ("--sleep", "86401"),
    ],
)
def test_hours_that_no_day_has_are_refused(option: str, value: str) -> None:
    found = ran("tiers", option, value)
    assert (found.status, found.out) == (1, "")
    assert option in found.err
    assert len(found.err.splitlines()) == 1


def test_json_has_the_same_in_bytes_and_dollars() -> None:
    found = json.loads(ran("tiers", "--json").out)
    assert [one["name"] for one in found["tiers"]] == HUB
    by_name = {one["name"]: one for one in found["tiers"]}
    small = by_name["t4-small"]
    assert (small["cards"], small["vram_bytes"], small["weights_budget_bytes"]) == (1, 16 * 10**9, 12_800_000_000)
    assert (small["preset"], tuple(small["fitting"])) == (offered("t4-small").preset, offered("t4-small").fitting)
    assert small["monthly_always_on"] == pytest.approx(292)
    assert by_name["zero-a10g"]["monthly_always_on"] is None
    assert by_name["zero-a10g"]["ram_bytes"] is None
    assert [one["name"] for one in found["tiers"] if one["asked"]] == [asked().name]


def test_another_catalogue_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    catalog = tmp_path / "models.yaml"
    catalog.write_text("models:\n  one:\n    hub: o/one\n    min_vram: 20GB\npresets:\n  t4-small: [one]\n")
    monkeypatch.setenv("MICROSCOPE_CATALOG", str(catalog))
    found = {row[0]: row for row in rows(ran("tiers").out)}
    assert found["cpu-basic"][-4:] == ["8.0", "none", "free", "free"]
    assert found["t4-small"][5:7] == ["t4-small", "0/1"]
    assert found["l4x1"][5:7] == ["t4-small", "1/1"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("---\ntitle: x\nsdk: gradio\n---\n", "README.md has no suggested_hardware."),
        ("---\nsuggested_hardware: zerogpu\n---\n", "README.md, line 2: suggested_hardware is 'zerogpu'"),
        ("---\nhardware: t4-small\n---\n", "README.md, line 2: the Hub ignores hardware"),
        ("# A Space\n", "README.md, line 1: README.md has no front matter"),
        (None, "README.md cannot be read"),
    ],
)
def test_a_readme_that_asks_for_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "README.md").write_text(content)
    monkeypatch.setattr(tiers, "REPOSITORY", tmp_path)
    found = ran("tiers")
    assert found.status == 0
    assert words in " ".join(found.out.split())
    assert [row for row in rows(found.out) if row[0] == ">"] == []


def test_the_tier_of_another_repository_is_the_one_its_front_matter_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "README.md").write_text("---\ntitle: x\nsdk: gradio\nsuggested_hardware: l40sx1\n---\n")
    monkeypatch.setattr(tiers, "REPOSITORY", tmp_path)
    assert [row[1] for row in rows(ran("tiers").out) if row[0] == ">"] == ["l40sx1"]
