"""A copy says which version it is, what it was deployed with, and whose duplicate it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from microscope import __version__
from microscope.cli import _parser
from microscope.space.payload import MANIFEST, read_payload
from microscope.space.template import Template, template_of, update_command
from tests.space.shipping import README, write_project


def deployed(root: Path) -> str:
    """Put the manifest of a deploy beside a project's files, and return its digest."""
    payload = read_payload(root, "1.0.0")
    (root / MANIFEST).write_bytes(payload.manifest)
    return payload.digest


def test_a_deployed_copy_is_the_version_of_its_manifest(tmp_path: Path) -> None:
    digest = deployed(write_project(tmp_path))
    assert template_of(tmp_path) == Template("1.0.0", digest)


def test_a_checkout_is_the_version_that_runs(tmp_path: Path) -> None:
    write_project(tmp_path)
    assert template_of(tmp_path) == Template(__version__)
    (tmp_path / MANIFEST).write_text("no manifest", encoding="utf-8")
    assert template_of(tmp_path) == Template(__version__)


def test_where_there_is_nothing_the_version_that_runs_is_told(tmp_path: Path) -> None:
    assert template_of(tmp_path / "nowhere") == Template(__version__)


@pytest.mark.parametrize(
    ("line", "origin"),
    [("duplicated_from: ada/vlm-microscope", "ada/vlm-microscope"), ("duplicated_from: $(rm) -rf", None), ("", None)],
)
def test_a_duplicate_says_whose_it_is(tmp_path: Path, line: str, origin: str | None) -> None:
    write_project(tmp_path)
    (tmp_path / "README.md").write_text(README.replace("title:", f"{line}\ntitle:").replace("---\n\n", "---\n"))
    assert template_of(tmp_path).origin == origin


@pytest.mark.parametrize("origin", [None, "ada/vlm-microscope"])
def test_the_command_that_updates_is_one_that_there_is(origin: str | None) -> None:
    program, *words = update_command("me/mine", origin).split()
    given = _parser().parse_args(words)
    assert (program, given.space, given.source) == ("microscope", "me/mine", origin)
