"""Tests of the store of shared pictures."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from microscope.errors import UserError
from microscope.records import Picture
from microscope.storage.shares import WEEK, ShareStore, is_share_id


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def noise(seed: int, side: int = 20) -> Picture:
    """Return a picture that a PNG cannot compress."""
    return Picture(side, side, hashlib.shake_256(str(seed).encode()).digest(3 * side * side))


def store(folder: Path, clock: Clock, max_bytes: int = 10**6) -> ShareStore:
    return ShareStore(folder / "shares", max_bytes, clock=clock)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let this process write no file beyond a size; what is written then fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_picture_comes_back_as_it_was(tmp_path: Path) -> None:
    shares = store(tmp_path, Clock())
    assert shares.get(shares.put(noise(1))) == noise(1)


def test_an_id_is_random_and_long_enough_that_nobody_guesses_it(tmp_path: Path) -> None:
    shares = store(tmp_path, Clock())
    ids = {shares.put(noise(1)) for _ in range(20)}
    assert len(ids) == 20
    assert all(is_share_id(share) and len(share) * 6 >= 128 for share in ids)


def test_the_file_holds_the_pixels_and_nothing_else(tmp_path: Path) -> None:
    shares = store(tmp_path, Clock())
    share = shares.put(noise(1))
    with Image.open(tmp_path / "shares" / f"{share}.png") as image:
        assert image.info == {}
        assert dict(image.getexif()) == {}
    assert [path.name for path in (tmp_path / "shares").iterdir()] == [f"{share}.png"]


def test_a_picture_expires_after_seven_days(tmp_path: Path) -> None:
    clock = Clock()
    shares = store(tmp_path, clock)
    share = shares.put(noise(1))
    clock.now += WEEK - 1
    assert shares.get(share) is not None
    clock.now += 1
    assert shares.get(share) is None
    assert list((tmp_path / "shares").iterdir()) == []


def test_expired_pictures_leave_the_disk_without_being_asked_for(tmp_path: Path) -> None:
    clock = Clock()
    shares = store(tmp_path, clock)
    shares.put(noise(1))
    clock.now += WEEK
    shares.purge()
    assert list((tmp_path / "shares").iterdir()) == []


def test_purging_a_store_that_was_never_used_does_nothing(tmp_path: Path) -> None:
    store(tmp_path, Clock()).purge()
    assert list(tmp_path.iterdir()) == []


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    clock = Clock()
    share = store(tmp_path, clock).put(noise(1))
    clock.now += WEEK - 1
    assert store(tmp_path, clock).get(share) == noise(1)
    clock.now += 1
    assert store(tmp_path, clock).get(share) is None


def test_over_the_bound_the_oldest_go_first(tmp_path: Path) -> None:
    clock = Clock()
    size = len(noise(1).rgb) + 200
    shares = store(tmp_path, clock, max_bytes=3 * size)
    ids = []
    for seed in range(1, 6):
        clock.now += 1
        ids.append(shares.put(noise(seed)))
        assert sum(path.stat().st_size for path in (tmp_path / "shares").iterdir()) <= 3 * size
    assert [shares.get(share) is not None for share in ids] == [False, False, True, True, True]


def test_a_picture_beyond_the_whole_bound_is_refused_and_evicts_nothing(tmp_path: Path) -> None:
    shares = store(tmp_path, Clock(), max_bytes=2_000)
    share = shares.put(noise(1))
    with pytest.raises(UserError, match=r"make it smaller"):
        shares.put(noise(2, side=40))
    assert shares.get(share) is not None


@pytest.mark.parametrize("share", ["", "../secret", "a" * 21, "a" * 23, "a" * 21 + "/", "a" * 21 + "\n", "ä" * 22])
def test_what_is_no_id_touches_no_file(tmp_path: Path, share: str) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    assert not is_share_id(share)
    assert store(tmp_path, Clock()).get(share) is None


def test_an_unknown_id_has_no_picture(tmp_path: Path) -> None:
    assert store(tmp_path, Clock()).get("a" * 22) is None


def test_a_torn_file_has_no_picture(tmp_path: Path) -> None:
    shares = store(tmp_path, Clock())
    share = shares.put(noise(1))
    path = tmp_path / "shares" / f"{share}.png"
    whole, put_at = path.read_bytes(), path.stat().st_mtime
    for size in (0, 10, 40, len(whole) // 2):
        path.write_bytes(whole[:size])
        os.utime(path, (put_at, put_at))
        assert shares.get(share) is None


def test_a_full_disk_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    shares = store(tmp_path, Clock())
    shares.put(noise(1))
    with largest_file(500), pytest.raises(UserError, match=r"disk of this app is full"):
        shares.put(noise(2))
    assert len(list((tmp_path / "shares").iterdir())) == 1


def test_another_fault_of_the_disk_is_no_full_disk(tmp_path: Path) -> None:
    (tmp_path / "shares").write_text("a file where the folder should be")
    with pytest.raises(OSError) as raised:  # noqa: PT011  (its number is checked)
        store(tmp_path, Clock()).put(noise(1))
    assert raised.value.errno == errno.EEXIST


def test_what_a_crash_left_unfinished_is_removed_later(tmp_path: Path) -> None:
    clock = Clock()
    shares = store(tmp_path, clock)
    (tmp_path / "shares").mkdir()
    left = tmp_path / "shares" / ("b" * 22 + ".part")
    left.write_bytes(b"half")
    os.utime(left, (clock.now, clock.now))
    shares.purge()
    assert left.exists()  # it may be another process's, still writing
    clock.now += 600
    shares.purge()
    assert not left.exists()
