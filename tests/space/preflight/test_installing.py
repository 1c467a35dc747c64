"""The build line, as a check, asked of the real pip over a folder of tiny packages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.space.findings import Status
from microscope.space.packages.pip import Pip
from microscope.space.preflight.base import Project
from microscope.space.preflight.installing import CHECK
from tests.space.preflight.projects import OURS, copy_of_ours, only, problem, write
from tests.space.wheels import offline_pip, write_source, write_wheel


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with everything that our own build line names, and what conflicts with it."""
    folder = tmp_path_factory.mktemp("wheels")
    versions: Sequence[tuple[str, str]] = (
        *(("uvicorn", "0.54.0"), ("websockets", "17.4"), ("spaces", "0.51.3"), ("pydantic", "2.14.0")),
        *(("pydantic", "2.12.5"), ("mcp", "1.30.0"), ("torch", "2.13.0")),
    )
    for name, version in versions:
        write_wheel(folder, name, version)
    write_wheel(folder, "gradio", "6.31.0", ["pydantic<=2.12.5; extra == 'mcp'", "mcp; extra == 'mcp'"], extra="mcp")
    write_source(folder, "docopt", "0.6.2")
    return folder


@pytest.fixture
def project(tmp_path: Path, wheels: Path) -> Project:
    return replace(copy_of_ours(tmp_path), pip=offline_pip(wheels))


def test_what_would_be_installed_is_told(project: Project) -> None:
    write(project, "requirements.txt", "torch\ndocopt\n")
    found = only(CHECK.run(project))
    assert found.status is Status.OK
    assert found.detail == (
        "8 packages for Python 3.12: gradio 6.31.0, torch 2.13.0, spaces 0.51.3; built from their source: docopt."
    )


def test_a_conflict_with_what_a_space_installs_fails_with_both_sides(project: Project) -> None:
    write(project, "requirements.txt", "pydantic>=2.13\n")
    found = problem(CHECK, project)
    assert found.status is Status.FAILED
    assert "The user requested pydantic>=2.13" in found.detail
    assert "gradio[mcp,oauth] 6.31.0 depends on pydantic<=2.12.5" in found.detail


def test_what_nobody_made_fails(project: Project) -> None:
    write(project, "requirements.txt", "torhc\n")
    found = problem(CHECK, project)
    assert (found.status, found.detail) == (Status.FAILED, "There is nothing to install for torhc.")


def test_without_a_network_it_is_no_failure_of_ours(project: Project) -> None:
    silent = Pip(("--isolated", "--index-url", "http://127.0.0.1:1/simple", "--retries", "1"))
    found = problem(CHECK, replace(project, pip=silent))
    assert found.status is Status.WARNING
    assert "cannot be reached" in found.detail


def test_it_is_slow_and_asks_the_network() -> None:
    assert (CHECK.slow, CHECK.network) == (True, True)
    assert OURS.pip == Pip()
