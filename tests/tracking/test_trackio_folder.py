"""Trackio keeps its files where it is told, also after it was told otherwise."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.tracking.trackio_folder import HOLDERS, project_name, speaking_aside, trackio_in


def test_every_module_of_trackio_that_holds_the_folder_holds_the_new_one(tmp_path: Path) -> None:
    for folder in (tmp_path / "one", tmp_path / "two"):
        trackio_in(folder)
        assert folder.is_dir()
        held = {
            (module.__name__, name): getattr(module, name)
            for module in list(sys.modules.values())
            for name in HOLDERS
            if getattr(module, "__name__", "").split(".")[0] == "trackio" and name in vars(module)
        }
        # Where Trackio holds it, as it was read; a release that holds it elsewhere shows here.
        assert {("trackio.sqlite_storage", "TRACKIO_DIR"), ("trackio.media.media", "MEDIA_DIR")} <= set(held)
        assert all(path == folder / HOLDERS[name] for (_, name), path in held.items())


def test_a_library_that_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trackio", None)
    with pytest.raises(UserError, match=r"Trackio is not installed: run pip install -r requirements\.txt"):
        trackio_in(tmp_path)


@pytest.mark.parametrize(
    ("name", "kept"), [("my scenes", "my-scenes"), ("a.b/c", "a-b-c"), ("--", "default"), ("scenes_2", "scenes_2")]
)
def test_a_project_has_one_name_everywhere(name: str, kept: str) -> None:
    assert project_name(name) == kept


def test_what_is_printed_meanwhile_stays_off_the_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with speaking_aside():
        sys.stdout.write("hello\n")
    assert capsys.readouterr() == ("", "hello\n")
