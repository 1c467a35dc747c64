"""`microscope export-requirements`, over a tiny project and a folder of tiny packages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from microscope.cli import export_requirements
from tests.cli.commands import ran
from tests.space.projects import GRADIO, write_project, write_wheels

COMMAND = "export-requirements"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a project in this one's place, and a pip that finds packages in a folder alone."""
    empty = tmp_path / "index"
    empty.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", empty.as_uri())
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", empty.as_uri())
    monkeypatch.setenv("PIP_FIND_LINKS", str(write_wheels(tmp_path / "wheels", without=("2.13.0+cpu",))))
    folder = write_project(tmp_path / "project")
    monkeypatch.setattr(export_requirements, "REPOSITORY", folder)
    return folder


def test_the_list_is_printed_for_the_python_of_the_readme() -> None:
    found = ran(COMMAND)
    assert found.status == 0
    assert found.out.startswith("# What the build of a Space installs, for Python 3.12 ")
    assert f"\ngradio=={GRADIO} --hash=sha256:" in found.out
    assert found.err == "Asking pip what it would install for Python 3.12: about a minute.\n"


def test_the_list_is_written_for_another_python(tmp_path: Path) -> None:
    output = tmp_path / "list.txt"
    found = ran(COMMAND, "--python", "3.11", "--output", output)
    assert (found.status, found.out) == (0, "")
    assert found.err.splitlines()[-1] == f"Written to {output}."
    assert "for Python 3.11 on Linux" in output.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--python", "three"), "--python is three; give it a version such as 3.12."),
        (("--output", "/nowhere/list.txt"), "There is no folder /nowhere to write list.txt in."),
    ],
)
def test_what_cannot_be_is_refused_before_pip_is_asked(arguments: tuple[str, ...], said: str) -> None:
    found = ran(COMMAND, *arguments)
    assert (found.status, found.out, found.err) == (1, "", f"{said}\n")


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    found = ran(COMMAND, "--output", tmp_path)
    assert (found.status, found.out) == (1, "")
    assert found.err.splitlines()[-1] == f"{tmp_path} cannot be written (Is a directory): name another file."


def test_a_conflict_is_one_sentence_and_writes_nothing(project: Path, tmp_path: Path) -> None:
    (project / "requirements.txt").write_text("older\n", encoding="utf-8")
    output = tmp_path / "list.txt"
    found = ran(COMMAND, "--output", output)
    assert (found.status, found.out, output.exists()) == (1, "", False)
    assert "older 1.0 depends on helper<1" in found.err.splitlines()[-1]


def test_a_variant_that_there_is_not_is_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        ran(COMMAND, "--variant", "tpu")
