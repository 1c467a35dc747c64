"""What a copy tells of itself: from its settings, its machine, its catalogue and the disk it lies on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.catalog.build import build_catalog
from microscope.hardware import tier
from microscope.settings import REPOSITORY, Settings
from microscope.space.expected import machine_of
from microscope.space.facts import DATA, Storage, facts_of, offered_by, storage_of

SPACE = {
    "SYSTEM": "spaces",
    "SPACE_ID": "ada/microscope",
    "SPACE_AUTHOR_NAME": "ada",
    "OAUTH_CLIENT_ID": "client",
    "ACCELERATOR": "zero-a10g",
    "HF_HOME": "/nowhere",
}
GATED = """
models:
  closed:
    hub: org/closed
    gated: true
  open:
    hub: org/open
presets:
  cpu-basic: [closed, open]
"""


def machine(name: str = "zero-a10g") -> object:
    found = tier(name)
    assert found is not None
    return machine_of(found)


def facts(environ: dict[str, str], name: str = "zero-a10g") -> object:
    settings = Settings.from_environment(environ)
    return facts_of(settings, machine(name), build_catalog(settings, machine(name)))


def test_a_space_without_any_setting_tells_where_it_is(tmp_path: Path) -> None:
    found = facts({**SPACE, "MICROSCOPE_DATA": str(tmp_path)})
    assert (found.space, found.author, found.oauth, found.token) == ("ada/microscope", "ada", True, False)
    assert (found.asked, found.difference) == ("zero-a10g", "")
    assert found.settings_page == "https://huggingface.co/spaces/ada/microscope/settings"
    assert found.offered.preset == "zero-a10g"
    assert found.storage.folder == tmp_path
    assert (found.webhook, found.host) == (False, "")


def test_other_hardware_than_the_readme_asks_for_is_a_difference() -> None:
    found = facts({**SPACE, "ACCELERATOR": "t4-small"}, "t4-small")
    assert found.asked == "zero-a10g"
    assert "t4-small" in found.difference


def test_off_a_space_there_is_no_space_whatever_the_variables_say() -> None:
    found = facts({**SPACE, "SYSTEM": ""}, "local-cpu")
    assert (found.space, found.author, found.settings_page, found.oauth) == (None, None, "", False)


def test_a_token_is_told_and_its_value_is_not() -> None:
    found = facts({**SPACE, "HF_TOKEN": "hf_of_nobody"})
    assert found.token
    assert "hf_of_nobody" not in repr(found)


def test_the_webhooks_secret_is_told_and_its_value_is_not() -> None:
    found = facts({**SPACE, "MICROSCOPE_WEBHOOK_SECRET": "of-nobody", "SPACE_HOST": "a.hf.space, lab.example"})
    assert (found.webhook, found.host) == (True, "a.hf.space")
    assert "of-nobody" not in repr(found)


def test_what_came_with_the_app_is_counted() -> None:
    few = facts(SPACE, "cpu-basic").offered
    assert few.embedded == len(few.labels) > 1
    more = facts(SPACE).offered
    assert 1 < more.embedded < len(more.labels)


@pytest.mark.parametrize(("token", "offered"), [("hf_of_nobody", ("closed", "open")), ("", ("open",))])
def test_what_needs_a_token_is_named_whether_there_is_one_or_not(
    tmp_path: Path, token: str, offered: tuple[str, ...]
) -> None:
    (tmp_path / "models.yaml").write_text(GATED, encoding="utf-8")
    settings = Settings.from_environment(
        {**SPACE, "HF_TOKEN": token, "MICROSCOPE_CATALOG": str(tmp_path / "models.yaml")}
    )
    found = offered_by(build_catalog(settings, machine("cpu-basic")))
    assert found.gated == ("org/closed",)
    assert found.labels == offered
    assert len(found.refused) == (0 if token else 1)


def mounts(*places: str) -> Callable[[str], bool]:
    return lambda place: place in ("/", *places)


def test_the_disk_itself_is_no_volume(tmp_path: Path) -> None:
    assert storage_of(tmp_path, mounts()) == Storage(tmp_path, None)


def test_a_folder_on_a_mounted_volume_is_kept_also_before_it_exists(tmp_path: Path) -> None:
    folder = tmp_path / "answers" / "deep"
    assert storage_of(folder, mounts(str(tmp_path))).volume == tmp_path
    assert storage_of(tmp_path, mounts(str(tmp_path))).volume == tmp_path


@pytest.mark.parametrize("mounted", ["home", "home/user"])
def test_what_holds_the_home_folder_is_the_containers_own(tmp_path: Path, mounted: str) -> None:
    home = tmp_path / "home" / "user"
    found = storage_of(home / ".cache", mounts(str(tmp_path / mounted)), home)
    assert found.volume is None


def test_a_volume_that_nobody_uses_is_told(tmp_path: Path) -> None:
    assert storage_of(tmp_path, mounts(str(DATA))).spare == DATA
    assert storage_of(tmp_path, mounts(str(DATA), str(tmp_path))).spare is None


def test_a_folder_that_cannot_be_one_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not storage_of(tmp_path / "file" / "data", mounts()).writable


def test_a_folder_that_may_not_be_looked_into_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, **_: object) -> object:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "stat", refuse)
    assert storage_of(tmp_path / "deep" / "er", mounts()).writable


def test_the_embedded_checkpoints_are_those_of_this_copy() -> None:
    settings = Settings.from_environment(SPACE)
    catalog = build_catalog(settings, machine("cpu-basic"))
    assert all(Path(spec.source).is_relative_to(REPOSITORY) for spec in catalog.specs)
    moved = replace(catalog, specs=tuple(replace(spec, source="/elsewhere/run") for spec in catalog.specs))
    assert offered_by(moved).embedded == 0
