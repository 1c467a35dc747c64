"""Contents are hashed once, and anew when a file changes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from microscope.engine import contents
from microscope.engine.contents import contents_hash


def test_the_hash_of_one_file_is_its_own(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"weights")
    assert contents_hash([file]) == hashlib.sha256(b"weights").hexdigest()


def test_the_hash_of_several_files_depends_on_each_and_on_their_order(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"1")
    second.write_bytes(b"2")
    hashes = {contents_hash(files) for files in ([first, second], [second, first], [first], [second], [])}
    assert len(hashes) == 5


def test_a_large_file_is_read_in_parts(tmp_path: Path) -> None:
    file = tmp_path / "large"
    content = bytes(range(256)) * (contents.READ_AT_ONCE // 256) + b"tail"
    file.write_bytes(content)
    assert contents_hash([file]) == hashlib.sha256(content).hexdigest()


def test_a_file_is_read_again_only_where_size_or_time_changed(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"before")
    os.utime(file, ns=(0, 1))
    before = contents_hash([file])
    file.write_bytes(b"behind")
    os.utime(file, ns=(0, 1))
    assert contents_hash([file]) == before, "the same size and time stand for the same contents"
    os.utime(file, ns=(0, 2))
    assert contents_hash([file]) == hashlib.sha256(b"behind").hexdigest()
    file.write_bytes(b"longer now")
    os.utime(file, ns=(0, 2))
    assert contents_hash([file]) == hashlib.sha256(b"longer now").hexdigest()
