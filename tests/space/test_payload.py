"""What a Space is given, and the manifest that says so."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.settings import REPOSITORY
from microscope.space.payload import MANIFEST, NEEDED, read_manifest, read_payload


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a project with everything that a Space needs."""
    for name in NEEDED:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}\n", encoding="utf-8")
    return tmp_path


def test_the_app_is_given_and_tests_and_leavings_are_not(root: Path) -> None:
    for name in (
        "tests/test_a.py",
        "Makefile",
        "src/microscope/__pycache__/a.pyc",
        "src/a.egg-info/PKG-INFO",
        MANIFEST,
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x", encoding="utf-8")
    (root / "LICENSE").write_text("Apache-2.0", encoding="utf-8")
    assert {file.path for file in read_payload(root, "1").files} == {*NEEDED, "LICENSE"}


def test_a_file_is_told_with_size_and_digest(root: Path) -> None:
    (root / "assets").mkdir()
    (root / "assets/a.bin").write_bytes(bytes(3))
    payload = read_payload(root, "1")
    file = next(file for file in payload.files if file.path == "assets/a.bin")
    assert (file.size, file.sha256) == (3, hashlib.sha256(bytes(3)).hexdigest())
    assert payload.size == sum(file.size for file in payload.files)
    assert payload.read("assets/a.bin") == bytes(3)


def test_the_manifest_reads_back_and_changes_with_any_file(root: Path) -> None:
    first = read_payload(root, "1")
    told = read_manifest(first.read(MANIFEST))
    assert (told.version, told.digest) == ("1", first.digest)
    assert dict(told.files) == {file.path: file.sha256 for file in first.files}
    assert read_payload(root, "1").manifest == first.manifest
    (root / "models.yaml").write_text("models: {}\n", encoding="utf-8")
    assert read_payload(root, "1").digest != first.digest


@pytest.mark.parametrize("content", [b"", b"[]", b'{"files": []}'])
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"manifest|Expecting"):
        read_manifest(content)


def test_a_folder_that_is_no_project_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no app\.py"):
        read_payload(tmp_path, "1")


def test_a_name_that_no_repository_can_hold_is_refused(root: Path) -> None:
    (root / "assets").mkdir()
    (root / "assets" / os.fsdecode(b"caf\xe9.png")).write_text("a")
    with pytest.raises(UserError, match=r"'assets/caf\\udce9.png' is a name that no Space can hold: rename it"):
        read_payload(root, "1.0.0")


def test_this_project_has_what_a_space_needs() -> None:
    paths = {file.path for file in read_payload(REPOSITORY, "1").files}
    assert set(NEEDED) <= paths
    assert any(path.startswith("assets/checkpoints/") for path in paths)
    assert not [path for path in paths if path.startswith(("tests/", ".github/", "assets/digits/"))]
