"""The ledger keeps what it was given, within its bound, whatever dies, is damaged, fills up or writes beside it."""

from __future__ import annotations

import hashlib
import logging
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import Self

from microscope.storage.ledger import CHECKSUM, SHARES, SUFFIX, Ledger

# A process of its own that appends records of 2,000 characters, some at once, and says the number of the next one once
# they are kept.
WRITER = """
import hashlib, itertools, sys
from pathlib import Path
from microscope.storage.ledger import Ledger

folder, bound, first, count, at_once = Path(sys.argv[1]), *map(int, sys.argv[2:6])
ledger = Ledger(folder, bound)
for start in itertools.islice(itertools.count(first, at_once), count or None):
    numbers = range(start, start + at_once)
    addresses = {hashlib.sha256(str(number).encode()).hexdigest(): number for number in numbers}
    kept = ledger.put({address: b"%d." % number * 400 for address, number in addresses.items()})
    found = ledger.get(addresses)
    assert all(body == b"%d." % addresses[address] * 400 for address, body in found.items())
    print(start + at_once if kept else -1, len(found), flush=True)
"""
GENEROUS = 10**8


def address(number: int) -> str:
    """Return one of endlessly many content addresses."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def records(*numbers: int, size: int = 40) -> dict[str, bytes]:
    """Return records that tell which they are, of so many bytes."""
    return {address(number): f"{number}.".encode().ljust(size, b"x") for number in numbers}


def journals(folder: Path) -> list[Path]:
    """Return the journals of a folder, the oldest first."""
    return sorted(folder.glob("*" + SUFFIX), key=lambda path: path.stat().st_mtime_ns)


def the_journal(folder: Path) -> Path:
    """Return the only journal of a folder."""
    (path,) = journals(folder)
    return path


def bytes_in(folder: Path) -> int:
    """Return the bytes of all journals in a folder."""
    return sum(path.stat().st_size for path in journals(folder))


def kept(folder: Path, *numbers: int, size: int = 40) -> set[int]:
    """Return which records are found by someone who comes anew, and check that they are whole."""
    found = Ledger(folder, GENEROUS).get(address(number) for number in numbers)
    for number in numbers:
        assert found.get(address(number)) in {None, records(number, size=size)[address(number)]}
    return {number for number in numbers if address(number) in found}


def start_writer(folder: Path, bound: int, first: int, count: int, at_once: int = 1) -> subprocess.Popen[str]:
    """Start a process that appends `count` times from the record `first` on; endlessly where `count` is 0."""
    command = [sys.executable, "-c", WRITER, str(folder), *map(str, (bound, first, count, at_once))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "runs", 1_000_000)


def test_making_a_ledger_and_asking_it_touches_no_disk(ledger: Ledger, tmp_path: Path) -> None:
    assert ledger.get([address(1)]) == {}
    assert ledger.put({})
    assert list(tmp_path.iterdir()) == []


def test_records_come_back_as_they_were(ledger: Ledger, tmp_path: Path) -> None:
    assert ledger.put(records(1, 2, 3))
    assert ledger.put(records(4))
    assert ledger.get([address(number) for number in (4, 2, 5)]) == records(4, 2)
    assert kept(tmp_path / "runs", 1, 2, 3, 4, 5) == {1, 2, 3, 4}


@settings(max_examples=40)
@given(
    bodies=st.lists(st.binary(max_size=200).map(lambda body: body.replace(b"\n", b"")), min_size=1, max_size=8),
    at_once=st.integers(1, 8),
)
def test_any_bytes_but_a_line_break_are_kept(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[bytes], at_once: int
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    given_ = {address(number): body for number, body in enumerate(bodies)}
    one = Ledger(folder, GENEROUS)
    names = list(given_)
    for start in range(0, len(names), at_once):
        assert one.put({name: given_[name] for name in names[start : start + at_once]})
    assert one.get(names) == given_
    assert Ledger(folder, GENEROUS).get(names) == given_


def test_a_later_record_takes_the_place_of_an_earlier_one(ledger: Ledger, tmp_path: Path) -> None:
    ledger.put({address(1): b"first"})
    ledger.put({address(1): b"second"})
    assert ledger.get([address(1)]) == {address(1): b"second"}
    assert Ledger(tmp_path / "runs", GENEROUS).get([address(1)]) == {address(1): b"second"}


@pytest.mark.parametrize("wrong", ["", "../../etc/passwd", "a" * 63, "A" * 64, "a" * 64 + "\n", "g" * 64, "é" * 64])
def test_only_a_content_address_names_a_record(ledger: Ledger, tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ValueError, match="not a content address"):
        ledger.get([wrong])
    with pytest.raises(ValueError, match="cannot be a line of a ledger"):
        ledger.put({**records(1), wrong: b"x"})
    assert list(tmp_path.iterdir()) == []


def test_a_line_break_is_no_body(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="cannot be a line of a ledger"):
        ledger.put({address(1): b"two\nlines"})


# What crashes and disks leave behind.


def test_a_crash_at_any_byte_of_the_last_record_loses_it_alone(tmp_path: Path) -> None:
    Ledger(tmp_path, GENEROUS).put(records(1, 2, 3))
    path = the_journal(tmp_path)
    whole = path.read_bytes()
    last = len(whole.splitlines(keepends=True)[-1])
    for length in range(len(whole) - last, len(whole)):
        path.write_bytes(whole[:length])
        assert kept(tmp_path, 1, 2, 3) == {1, 2}
    path.write_bytes(whole)
    assert kept(tmp_path, 1, 2, 3) == {1, 2, 3}


def test_nobody_goes_on_behind_half_a_record(tmp_path: Path) -> None:
    Ledger(tmp_path, GENEROUS).put(records(1, 2))
    path = the_journal(tmp_path)
    path.write_bytes(path.read_bytes()[:-7])
    after = Ledger(tmp_path, GENEROUS)
    assert after.put(records(2, 3))
    assert after.get(map(address, (1, 2, 3))) == records(1, 2, 3)
    assert len(journals(tmp_path)) == 2
    assert kept(tmp_path, 1, 2, 3) == {1, 2, 3}


def test_a_record_is_read_once_its_end_is_there(tmp_path: Path) -> None:
    Ledger(tmp_path, GENEROUS).put(records(1, 2))
    path = the_journal(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    reader = Ledger(tmp_path, GENEROUS)
    assert reader.get(map(address, (1, 2))) == records(1)
    with path.open("ab") as file:
        file.write(whole[-7:])
    assert reader.get(map(address, (1, 2))) == records(1, 2)


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_never_gives_a_wrong_record(tmp_path: Path, bit: int) -> None:
    Ledger(tmp_path, GENEROUS).put(records(1, 2, 3, size=8))
    path = the_journal(tmp_path)
    whole = path.read_bytes()
    length = len(whole) // 3
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
        hit, offset = place // length + 1, place % length
        # Where a line's end is damaged, the next one goes with it; the space behind a checksum says nothing.
        lost = {hit, hit + 1} if offset == length - 1 else set() if offset == CHECKSUM else {hit}
        assert kept(tmp_path, 1, 2, 3, size=8) == {1, 2, 3} - lost


def test_a_damaged_record_is_told_and_may_be_kept_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger(tmp_path, GENEROUS)
    ledger.put(records(1, 2))
    path = the_journal(tmp_path)
    path.write_bytes(path.read_bytes().replace(b" 1.x", b" 7.x"))
    with caplog.at_level(logging.WARNING):
        assert ledger.get(map(address, (1, 2))) == records(2)
    assert f"the record {address(1)} in {path.name} is damaged and is not used" in caplog.text
    assert ledger.put(records(1))
    assert ledger.get(map(address, (1, 2))) == records(1, 2)


@settings(max_examples=60)
@given(noise=st.binary(max_size=400), cut=st.integers(0, 400))
def test_whatever_lies_in_a_journal_breaks_nothing(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    Ledger(folder, GENEROUS).put(records(1, 2))
    path = the_journal(folder)
    path.write_bytes(noise + b"\n" + path.read_bytes()[:cut] + noise)
    (folder / ("0" + SUFFIX)).write_bytes(noise)
    assert kept(folder, 1, 2) <= {1, 2}
    assert Ledger(folder, GENEROUS).put(records(3))
    assert 3 in kept(folder, 3)


def test_what_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("not ours")
    ledger = Ledger(tmp_path, 2_000)
    for number in range(40):
        ledger.put(records(number, size=100))
        assert ledger.get([address(number)]) == records(number, size=100)
    assert (tmp_path / "README").exists()


# Room.


def test_the_oldest_journals_go_and_the_folder_keeps_its_bound(tmp_path: Path) -> None:
    bound = 32_000
    ledger = Ledger(tmp_path, bound)
    for number in range(400):
        assert ledger.put(records(number, size=100))
        _age(tmp_path, number)
        assert bytes_in(tmp_path) <= bound
        assert len(journals(tmp_path)) <= SHARES + 2
    assert bytes_in(tmp_path) > bound * 0.8
    found = kept(tmp_path, *range(400), size=100)
    assert found == set(range(min(found), 400)), "what is kept is what came last"
    # What went with its journal is no longer looked for.
    assert {number for number in range(400) if ledger.get([address(number)])} == found


def _age(folder: Path, moment: int) -> None:
    """Say of the newest journal that it was written at a moment: a test is quicker than some clocks."""
    newest = max(folder.glob("*" + SUFFIX), key=lambda path: path.stat().st_mtime_ns)
    os.utime(newest, ns=(10**18 + moment * 10**9, 10**18 + moment * 10**9))


def test_what_is_larger_than_the_whole_ledger_is_not_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger(tmp_path, 1_000)
    assert ledger.put(records(1))
    with caplog.at_level(logging.WARNING):
        assert not ledger.put(records(2, size=1_000))
    assert "more than the whole ledger" in caplog.text
    assert ledger.get(map(address, (1, 2))) == records(1)


def test_a_ledger_that_was_larger_before_shrinks_to_its_new_bound(tmp_path: Path) -> None:
    larger = Ledger(tmp_path, 100_000)
    for number in range(100):
        larger.put(records(number, size=500))
    smaller = Ledger(tmp_path, 20_000)
    assert smaller.put(records(200, size=500))
    assert bytes_in(tmp_path) <= 20_000
    assert smaller.get([address(200)]) == records(200, size=500)


def test_twenty_thousand_records_are_no_burden(tmp_path: Path) -> None:
    numbers = range(20_000)
    given_ = records(*numbers, size=400)
    names = list(given_)
    ledger = Ledger(tmp_path, GENEROUS)
    began = time.process_time()
    for start in range(0, len(names), 64):
        assert ledger.put({name: given_[name] for name in names[start : start + 64]})
    assert Ledger(tmp_path, GENEROUS).get(names) == given_
    assert ledger.get(names[:5]) == {name: given_[name] for name in names[:5]}
    assert time.process_time() - began < 10, "of one processor"


# What others do to the folder meanwhile.


def test_a_journal_that_another_process_removed_is_missed_by_nobody(tmp_path: Path) -> None:
    first, second = Ledger(tmp_path, GENEROUS), Ledger(tmp_path, GENEROUS)
    first.put(records(1, 2))
    assert second.get(map(address, (1, 2))) == records(1, 2)
    gone = the_journal(tmp_path)
    gone.unlink()
    for ledger in (first, second):
        assert ledger.get(map(address, (1, 2))) == {}
    assert first.put(records(2, 3))
    assert the_journal(tmp_path) != gone, "who has read it would read on where it was"
    for ledger in (first, second):
        assert ledger.get(map(address, (1, 2, 3))) == records(2, 3)


def test_a_journal_that_goes_while_it_is_read_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(tmp_path, GENEROUS)
    ledger.put(records(1))
    real = Ledger._look

    def look_and_lose(self: Ledger) -> None:
        real(self)
        the_journal(tmp_path).unlink(missing_ok=True)

    monkeypatch.setattr(Ledger, "_look", look_and_lose)
    assert ledger.get([address(1)]) == {}


def test_a_journal_that_goes_while_it_is_appended_to_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path, GENEROUS)
    ledger.put(records(1))
    real, gone = Ledger._make_room, the_journal(tmp_path)

    def make_room_and_lose(self: Ledger, size: int) -> None:
        real(self, size)
        gone.unlink(missing_ok=True)

    monkeypatch.setattr(Ledger, "_make_room", make_room_and_lose)
    assert not ledger.put(records(2))
    assert not gone.exists()
    assert ledger.put(records(3))
    assert ledger.get(map(address, (1, 2, 3))) == records(3)


def test_each_sees_what_others_append(tmp_path: Path) -> None:
    first, second = Ledger(tmp_path, GENEROUS), Ledger(tmp_path, GENEROUS)
    for number in range(0, 20, 2):
        first.put(records(number))
        second.put(records(number + 1))
        for ledger in (first, second):
            assert len(ledger.get(map(address, range(20)))) == number + 2
    assert len(journals(tmp_path)) == 2


def test_two_processes_append_and_read_at_once(tmp_path: Path) -> None:
    writers = [start_writer(tmp_path, GENEROUS, first, 60, 3) for first in (0, 1000)]
    reader, most = Ledger(tmp_path, GENEROUS), 0
    numbers = {address(number): number for number in (*range(180), *range(1000, 1180))}
    while any(writer.poll() is None for writer in writers):
        found = reader.get(numbers)
        assert all(body == b"%d." % numbers[name] * 400 for name, body in found.items())
        assert len(found) >= most
        most = len(found)
    for writer in writers:
        output, errors = writer.communicate()
        assert (writer.returncode, errors) == (0, "")
        assert [line.split()[1] for line in output.splitlines()] == ["3"] * 60
    assert len(reader.get(numbers)) == 360


def test_processes_share_a_folder_and_its_bound(tmp_path: Path) -> None:
    bound = 200_000
    writers = [start_writer(tmp_path, bound, first, 150) for first in (0, 1000)]
    largest = 0
    while any(writer.poll() is None for writer in writers):
        sizes = [_size(path) for path in tmp_path.glob("*" + SUFFIX)]
        largest = max(largest, sum(sizes))
    for writer in writers:
        output, errors = writer.communicate()
        assert (writer.returncode, errors) == (0, "")
        assert "-1" not in output
    # One may append between another one's look and its own.
    assert bound / 2 < largest <= bound * 17 / 16


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@pytest.mark.skipif(sys.platform == "win32", reason="a process is killed by a signal")
@pytest.mark.parametrize(("after", "at_once"), [(1, 1), (7, 40), (30, 5)])
def test_a_process_killed_while_it_appends_loses_nothing_that_it_kept(
    tmp_path: Path, after: int, at_once: int
) -> None:
    with start_writer(tmp_path, GENEROUS, 0, 0, at_once) as writer:
        assert writer.stdout is not None
        said = [int(writer.stdout.readline().split()[0]) for _ in range(after)]
        # Somewhere in the middle of what it does next.
        for _ in range(random.Random(after).randrange(50_000)):  # noqa: S311  (no secret)
            pass
        writer.kill()
        said += [int(line.split()[0]) for line in writer.stdout if line.endswith("\n")]
    numbers = {address(number): number for number in range(said[-1] + 2 * at_once)}
    found = {numbers[name]: body for name, body in Ledger(tmp_path, GENEROUS).get(numbers).items()}
    assert set(range(said[-1])) <= set(found)
    assert all(body == b"%d." % number * 400 for number, body in found.items())
    # Whoever comes next goes on.
    assert Ledger(tmp_path, GENEROUS).put(records(-1))
    assert kept(tmp_path, -1) == {-1}


def test_many_threads_share_a_ledger(tmp_path: Path) -> None:
    ledger, faults = Ledger(tmp_path, GENEROUS), list[str]()

    def work(first: int) -> None:
        for number in range(first, first + 30):
            if not ledger.put(records(number)):
                faults.append(f"{number} was not kept")
            if ledger.get(map(address, range(first, number + 1))) != records(*range(first, number + 1)):
                faults.append(f"{number} was not found")

    threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 180, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert kept(tmp_path, *range(180)) == set(range(180))


# Where nothing can be kept.


def test_a_place_that_cannot_be_a_folder_keeps_nothing_and_breaks_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    ledger = Ledger(tmp_path / "file" / "runs", GENEROUS)
    with caplog.at_level(logging.WARNING):
        assert not ledger.put(records(1))
        assert ledger.get([address(1)]) == {}
    assert "1 records could not be kept" in caplog.text


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_still_gives_what_it_holds(tmp_path: Path) -> None:
    Ledger(tmp_path, GENEROUS).put(records(1))
    tmp_path.chmod(0o500)
    ledger = Ledger(tmp_path, GENEROUS)
    assert not ledger.put(records(2))
    assert ledger.get(map(address, (1, 2))) == records(1)
    tmp_path.chmod(0o700)


@pytest.mark.parametrize("method", ["touch", "open"])
def test_a_file_that_cannot_be_written_keeps_nothing_and_breaks_nothing(
    tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a folder that may only be read, also for a user who may do anything."""
    Ledger(tmp_path, GENEROUS).put(records(1))
    ledger = Ledger(tmp_path, GENEROUS)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path if method == "touch" else os, method, refuse)
        assert not ledger.put(records(2))
    assert ledger.get(map(address, (1, 2))) == records(1)
    assert ledger.put(records(2))


def test_a_journal_that_cannot_be_read_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2):
        Ledger(tmp_path, GENEROUS).put(records(number))
    closed, real = journals(tmp_path)[0], Path.open

    def refuse(self: Path, mode: str) -> object:
        if self == closed:
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, mode)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        ledger = Ledger(tmp_path, GENEROUS)
        assert ledger.get(map(address, (1, 2))) == records(2)
    assert ledger.get(map(address, (1, 2))) == records(1, 2)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits on the size of files")
def test_a_full_disk_keeps_nothing_breaks_nothing_and_spoils_nothing(tmp_path: Path) -> None:
    Ledger(tmp_path, GENEROUS).put(records(1000))
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
    command = [sys.executable, "-c", limit + WRITER, str(tmp_path), str(GENEROUS), "0", "14", "1"]
    child = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    said = [line.split() for line in child.stdout.splitlines()]
    full = [number for number, (_, found) in enumerate(said) if found == "0"]
    assert full, "a file is full after a few records"
    assert [said[number][0] for number in full] == ["-1"] * len(full)
    assert "1 records could not be kept" in child.stderr
    # A record that did not fit went nowhere, and the next one to a file of its own.
    assert [number + 1 for number in full if number + 1 in full] == []
    found = Ledger(tmp_path, GENEROUS).get(map(address, range(14)))
    assert set(found) == {address(number) for number in range(14) if number not in full}
    assert kept(tmp_path, 1000) == {1000}


@pytest.mark.parametrize("broken", ["fsync", "write"])
def test_half_a_record_that_was_written_is_none(tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(tmp_path, GENEROUS)
    ledger.put(records(1))

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if broken == "fsync":
            patch.setattr(os, "fsync", no_space)
        else:
            patch.setattr("microscope.storage.ledger.open", _torn(no_space), raising=False)
        assert not ledger.put(records(2))
    assert ledger.put(records(3))
    assert len(journals(tmp_path)) == 2, "nothing goes behind what may be half a record"
    assert set(ledger.get(map(address, (1, 2, 3)))) >= {address(1), address(3)}
    assert kept(tmp_path, 1, 2, 3) >= {1, 3}


def _torn(fail: Callable[[], None]) -> Callable[..., object]:
    """Return what opens files that take half of what is written."""

    class Torn:
        def __init__(self, path: Path, *_: object, **__: object) -> None:
            self._file = path.open("ab")

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def write(self, data: bytes) -> None:
            self._file.write(data[: len(data) // 2])
            fail()

    return Torn
