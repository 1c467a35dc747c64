"""packages.txt, as a check."""

from __future__ import annotations

from pathlib import Path

import pytest

from microscope.space.findings import Status
from microscope.space.preflight.packages import CHECK
from tests.space.preflight.projects import OURS, copy_of_ours, only, problem, write


def test_ours_is_fine() -> None:
    found = only(CHECK.run(OURS))
    assert (found.status, found.detail) == (Status.OK, "fonts-dejavu-core.")


@pytest.mark.parametrize("text", ["", "\n\n", "libgl1\nlibstdc++6\n", "ffmpeg=7:5.1-1\n", "libc6:i386\nvim/stable\n"])
def test_names_of_packages_are_fine(tmp_path: Path, text: str) -> None:
    project = copy_of_ours(tmp_path)
    write(project, "packages.txt", text)
    assert only(CHECK.run(project)).status is Status.OK


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("# fonts\nfonts-dejavu-core\n", "line 1 has a comment"),
        ("libgl1 # for OpenCV\n", "line 1 has a comment"),
        ("libgl1\nffmpeg git\n", "line 2 names several packages"),
        ("LibGL1\n", "'LibGL1' is no name"),
        ("--allow-unauthenticated\n", "is no name"),
        ("libgl1\r\nffmpeg\r\n", "line ends of Windows"),
        (b"\xff\n", "no UTF-8"),
    ],
)
def test_what_apt_get_would_stumble_over_is_told(tmp_path: Path, text: str | bytes, detail: str) -> None:
    project = copy_of_ours(tmp_path)
    write(project, "packages.txt", text)
    found = problem(CHECK, project)
    assert found.status is Status.FAILED
    assert detail in found.detail


def test_none_is_needed(tmp_path: Path) -> None:
    project = copy_of_ours(tmp_path)
    (tmp_path / "packages.txt").unlink()
    assert only(CHECK.run(project)).status is Status.OK
