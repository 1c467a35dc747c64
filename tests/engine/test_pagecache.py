"""Files come into the page cache whole, once, until nobody wants them; what is in it is told without reading."""

from __future__ import annotations

import mmap
import os
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from microscope.engine import pagecache
from microscope.engine.pagecache import BLOCK, cached_fraction, drop, read_ahead

SIZE = 5 * BLOCK + 4321


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Return a file of several blocks and a part of one."""
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.truncate(SIZE)
        for offset in range(0, SIZE, 2**20):
            file.seek(offset)
            file.write(os.urandom(min(2**20, SIZE - offset)))
    return path


@pytest.fixture
def cold(weights: Path) -> Path:
    """Return a file that is not in the page cache; skips where the file system keeps all files there."""
    drop(weights)
    fraction = cached_fraction(weights)
    if fraction is None or fraction > 0:
        pytest.skip("this file system does not tell, or does not drop")
    return weights


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_cold_file_is_cached_after_it_was_read_ahead(cold: Path, threads: int) -> None:
    assert read_ahead([cold], threads=threads) == SIZE
    assert cached_fraction(cold) == 1.0


def test_asking_what_is_cached_reads_nothing(cold: Path) -> None:
    assert [cached_fraction(cold) for _ in range(3)] == [0.0, 0.0, 0.0]


def test_a_part_that_is_cached_is_told_as_a_part(cold: Path) -> None:
    with cold.open("rb", buffering=0) as file:
        # Without this the kernel would read on behind what is asked for.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        file.read(SIZE // 2)
    assert cached_fraction(cold) == pytest.approx(0.5, abs=0.05)


def test_a_dropped_file_keeps_its_contents(weights: Path) -> None:
    before = weights.read_bytes()
    drop(weights)
    assert weights.read_bytes() == before


@pytest.mark.parametrize("size", [1, mmap.PAGESIZE, mmap.PAGESIZE + 1, 65 * mmap.PAGESIZE + 1])
def test_a_small_file_that_was_just_written_is_cached(tmp_path: Path, size: int) -> None:
    small = tmp_path / "small"
    small.write_bytes(b"x" * size)
    assert cached_fraction(small) in (1.0, None)


def test_an_empty_file_is_cached_and_read_in_no_time(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    assert cached_fraction(empty) in (1.0, None)
    assert read_ahead([empty]) == 0


def test_nobody_knows_what_is_cached_of_a_file_that_is_gone(tmp_path: Path) -> None:
    assert cached_fraction(tmp_path / "gone") is None


def test_nobody_knows_on_another_system(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagecache.sys, "platform", "darwin")
    assert cached_fraction(weights) is None


def test_nobody_knows_of_a_file_of_others_for_the_kernel_calls_all_of_it_cached(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permissions hold nobody back who tests as root, so only the question who we are is answered by a stand-in."""
    weights.chmod(0o444)
    monkeypatch.setattr(os, "geteuid", lambda: weights.stat().st_uid + 1)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert cached_fraction(weights) is None


def test_dropping_does_nothing_where_the_system_has_no_such_call(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = weights.read_bytes()
    monkeypatch.delattr(os, "posix_fadvise", raising=False)
    drop(weights)
    # It was read a moment ago, and stays where it is; None where nobody can tell.
    assert cached_fraction(weights) in (1.0, None)
    assert weights.read_bytes() == before


def test_several_files_are_read_and_one_that_is_gone_is_skipped(weights: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"x" * 100)
    assert read_ahead([tmp_path / "gone", weights, other]) == SIZE + 100


def test_a_file_that_disappears_while_it_is_read_ends_quietly(weights: Path) -> None:
    def vanish() -> bool:
        weights.unlink(missing_ok=True)
        return False

    assert read_ahead([weights], cancelled=vanish, threads=1) == 0


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_grows_to_the_whole(weights: Path, threads: int) -> None:
    told: list[int] = []
    read_ahead([weights], progress=told.append, threads=threads)
    assert len(told) == 6
    assert all(before < after for before, after in pairwise(told))
    assert told[-1] == SIZE


@pytest.mark.parametrize("threads", [1, 2])
def test_a_cancelled_reader_stops_within_a_block_of_each_thread(weights: Path, threads: int) -> None:
    told: list[int] = []
    done = read_ahead([weights], cancelled=lambda: bool(told), progress=told.append, threads=threads)
    assert BLOCK <= done == told[-1] <= threads * BLOCK


def test_a_reader_that_is_cancelled_beforehand_reads_nothing(weights: Path) -> None:
    assert read_ahead([weights], cancelled=lambda: True) == 0


@pytest.mark.parametrize("threads", [1, 2])
def test_a_failure_of_the_listener_ends_the_reading_and_is_raised(weights: Path, threads: int) -> None:
    told: list[int] = []

    def fail(done: int) -> None:
        told.append(done)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read_ahead([weights], progress=fail, threads=threads)
    assert len(told) <= threads


def test_one_thread_reads_in_the_callers_own(weights: Path) -> None:
    readers: set[int] = set()
    read_ahead([weights], progress=lambda _: readers.add(threading.get_ident()), threads=1)
    assert readers == {threading.get_ident()}


def test_blocks_cover_each_file_once_in_order(weights: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"x" * 10)
    blocks = list(pagecache._blocks([weights, other]))
    assert [length for *_, length in blocks] == [*([BLOCK] * 5), 4321, 10]
    assert [offset for _, offset, _ in blocks] == [*range(0, SIZE, BLOCK), 0]
