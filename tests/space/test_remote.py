"""What a Space has, as data."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.space.remote import Changes, digests_of


def test_a_path_is_changed_once() -> None:
    assert Changes({"a": b""}, ("b",), {"c": "f" * 40}).paths == ("a", "b", "c")
    twice: tuple[tuple[dict[str, bytes], tuple[str, ...], dict[str, str]], ...] = (
        ({"a": b""}, ("a",), {}),
        ({"a": b""}, (), {"a": "main"}),
        ({}, ("a", "a"), {}),
    )
    for changes in twice:
        with pytest.raises(UserError, match="a cannot be changed twice"):
            Changes(*changes)


def test_digests_are_those_of_git_and_of_large_files(tmp_path: Path) -> None:
    content = b"x" * (3 << 20)
    (tmp_path / "file").write_bytes(content)
    digests = digests_of(content)
    assert digests == digests_of(tmp_path / "file")
    assert hashlib.sha256(content).hexdigest() in digests
    # As `git hash-object` tells of a file with the word hello.
    assert "ce013625030ba8dba906f756967f9e9ca394464a" in digests_of(b"hello\n")
