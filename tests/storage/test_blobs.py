"""A folder of blobs gives back what it was given, whole, under its own address, or nothing."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from microscope.storage.blobs import BlobStore


def address(number: int) -> str:
    """Return one of endlessly many content addresses."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def the_file(folder: Path) -> Path:
    """Return the only file of a folder."""
    (path,) = folder.iterdir()
    return path


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_any_bytes_come_back_as_they_were(tmp_path: Path, data: bytes) -> None:
    store = BlobStore(tmp_path, 100_000, ".blob")
    assert store.put(address(1), data)
    assert store.get(address(1)) == data
    assert store.get(address(2)) is None


def test_a_file_is_a_checksum_on_its_own_line_and_the_bytes(tmp_path: Path) -> None:
    BlobStore(tmp_path, 100_000, ".blob").put(address(1), b"one\ntwo")
    assert the_file(tmp_path).name == f"{address(1)}.blob"
    assert the_file(tmp_path).read_bytes() == hashlib.sha256(b"one\ntwo").hexdigest().encode() + b"\none\ntwo"


def test_later_bytes_take_the_place_of_earlier_ones(tmp_path: Path) -> None:
    store = BlobStore(tmp_path, 100_000, ".blob")
    store.put(address(1), b"first")
    store.put(address(1), b"second")
    assert store.get(address(1)) == b"second"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("place", [0, 30, 64, 65, -1])
def test_one_changed_byte_is_a_miss_is_told_and_is_removed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, place: int
) -> None:
    store = BlobStore(tmp_path, 100_000, ".finding")
    store.put(address(1), b"a whole blob")
    data = bytearray(the_file(tmp_path).read_bytes())
    data[place] ^= 1
    the_file(tmp_path).write_bytes(bytes(data))
    with caplog.at_level(logging.WARNING):
        assert store.get(address(1)) is None
    assert f"the finding {address(1)} is damaged and is removed: its checksum differs" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_what_a_reader_cannot_use_is_discarded_with_its_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = BlobStore(tmp_path, 100_000, ".blob")
    store.put(address(1), b"of another version")
    with caplog.at_level(logging.WARNING):
        store.discard(address(1), "it is of another version")
    assert "it is of another version" in caplog.text
    assert store.get(address(1)) is None


def test_reading_marks_as_used(tmp_path: Path) -> None:
    store = BlobStore(tmp_path, 100_000, ".blob")
    store.put(address(1), b"used")
    path = the_file(tmp_path)
    os.utime(path, (1, 1))
    store.get(address(1))
    assert path.stat().st_mtime > 1


def test_the_bound_holds_and_the_newest_stay(tmp_path: Path) -> None:
    store = BlobStore(tmp_path, 20_000, ".blob")
    for number in range(40):
        assert store.put(address(number), bytes(1_000))
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 20_000
    assert store.get(address(39)) is not None
    assert store.get(address(0)) is None


def test_the_checksum_counts_towards_the_bound(tmp_path: Path) -> None:
    # Two sixteenths of 1600 bytes stay free; of the other 1400 a checksum and its line end take 65.
    store = BlobStore(tmp_path, 1_600, ".blob")
    assert not store.put(address(1), bytes(1_336))
    assert store.put(address(1), bytes(1_335))


def test_what_others_keep_in_the_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "other.answer").write_bytes(bytes(5_000))
    store = BlobStore(tmp_path, 2_000, ".blob")
    for number in range(10):
        store.put(address(number), bytes(500))
    assert (tmp_path / "other.answer").exists()


@pytest.mark.parametrize("wrong", ["", "../../etc/passwd", "a" * 63, "A" * 64, "a" * 64 + "\n"])
def test_only_a_content_address_names_a_file(tmp_path: Path, wrong: str) -> None:
    store = BlobStore(tmp_path, 100_000, ".blob")
    for ask in (store.get, lambda one: store.put(one, b"")):
        with pytest.raises(ValueError, match="not a content address"):
            ask(wrong)


def test_a_place_that_cannot_be_a_folder_keeps_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = BlobStore(tmp_path / "file" / "blobs", 100_000, ".blob")
    assert not store.put(address(1), b"kept nowhere")
    assert store.get(address(1)) is None
