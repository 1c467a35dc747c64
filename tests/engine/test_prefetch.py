"""Chosen checkpoints are warmed in turn, while somebody wants them, beside everything else and behind every load."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from microscope.engine.pagecache import BLOCK, cached_fraction, drop
from microscope.engine.prefetch import LOWEST_PRIORITY, Prefetcher, Warming, room

PATIENCE = 20.0
SIZE = 100
PLENTY = 10**12


@dataclass
class PlayedDisk:
    """A reader that tells what it begins and ends, and reads each file as one block when it is let."""

    begun: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    asks: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    lets: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    priorities: list[int] = field(default_factory=list)

    def read(
        self,
        paths: Iterable[Path],
        *,
        cancelled: Callable[[], bool],
        progress: Callable[[int], None] | None,
        threads: int,
    ) -> int:
        assert threads == 1
        done = 0
        if sys.platform.startswith("linux"):
            self.priorities.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        for path in paths:
            self.begun.append(path.name)
            self.asks.release()
            assert self.lets.acquire(timeout=PATIENCE)
            if cancelled():
                break
            done += path.stat().st_size
            self.ended.append(path.name)
            assert progress is not None
            progress(done)
        return done

    def let(self, blocks: int = 1) -> None:
        """Let that many blocks be read."""
        self.lets.release(blocks)

    def asked(self) -> None:
        """Wait until another block is asked for."""
        assert self.asks.acquire(timeout=PATIENCE)


@dataclass
class Memory:
    """What is cached and what is free, as the test says."""

    free: int | None = PLENTY
    shares: dict[str, float | None] = field(default_factory=dict)


@pytest.fixture
def disk() -> PlayedDisk:
    return PlayedDisk()


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def prefetcher(disk: PlayedDisk, memory: Memory) -> Iterator[Prefetcher]:
    """Return a prefetcher on the played disk; nothing is cached."""
    made = Prefetcher(read=disk.read, cached=lambda path: memory.shares.get(path.name, 0.0), room=lambda: memory.free)
    yield made
    # A reader that still waits is let go, and finds that nobody wants anything any more.
    closing = threading.Thread(target=made.close)
    closing.start()
    disk.let(100)
    closing.join(PATIENCE)
    assert not closing.is_alive()


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., tuple[Path, ...]]:
    """Return what writes files of 100 bytes and returns their paths."""

    def write(*names: str) -> tuple[Path, ...]:
        for name in names:
            # Once: a file that is written again is empty for a moment, and somebody may be reading it.
            if not (tmp_path / name).exists():
                (tmp_path / name).write_bytes(b"x" * SIZE)
        return tuple(tmp_path / name for name in names)

    return write


Write = Callable[..., tuple[Path, ...]]


def test_what_is_wanted_is_read_to_the_end(prefetcher: Prefetcher, disk: PlayedDisk, files: Write) -> None:
    prefetcher.want("ada", {"a": files("a1", "a2"), "b": files("b1")})
    disk.let(3)
    assert prefetcher.wait(PATIENCE)
    assert disk.ended == ["a1", "a2", "b1"]
    assert prefetcher.snapshot() == (Warming("a", 200, 200, "done"), Warming("b", 100, 100, "done"))
    assert all(warming.is_warm for warming in prefetcher.snapshot())


def test_the_snapshot_tells_how_far_each_is(prefetcher: Prefetcher, disk: PlayedDisk, files: Write) -> None:
    prefetcher.want("ada", {"a": files("a1", "a2"), "b": files("b1")})
    disk.asked()
    assert prefetcher.snapshot() == (Warming("a", 0, 200, "reading"), Warming("b"))
    disk.let()
    disk.asked()
    assert prefetcher.snapshot() == (Warming("a", 100, 200, "reading"), Warming("b"))


def test_everybodys_first_comes_before_anyones_second(prefetcher: Prefetcher, disk: PlayedDisk, files: Write) -> None:
    prefetcher.want("ada", {"a": files("a"), "b": files("b"), "c": files("c")})
    disk.asked()
    prefetcher.want("bob", {"d": files("d"), "b": files("b")})
    disk.let(4)
    assert prefetcher.wait(PATIENCE)
    assert disk.ended == ["a", "d", "b", "c"]


def test_what_nobody_wants_any_more_is_left_within_a_block(
    prefetcher: Prefetcher, disk: PlayedDisk, files: Write
) -> None:
    prefetcher.want("ada", {"a": files("a1", "a2")})
    disk.asked()
    prefetcher.want("ada", {"b": files("b1")})
    disk.let(2)
    assert prefetcher.wait(PATIENCE)
    assert disk.begun == ["a1", "b1"]
    assert disk.ended == ["b1"]
    assert [warming.key for warming in prefetcher.snapshot()] == ["b"]


def test_what_another_visitor_still_wants_is_read_on(prefetcher: Prefetcher, disk: PlayedDisk, files: Write) -> None:
    prefetcher.want("ada", {"a": files("a1", "a2")})
    prefetcher.want("bob", {"a": files("a1", "a2")})
    disk.asked()
    prefetcher.forget("ada")
    disk.let(2)
    assert prefetcher.wait(PATIENCE)
    assert disk.begun == ["a1", "a2"]


def test_a_visitor_who_leaves_or_was_never_there_leaves_nothing(
    prefetcher: Prefetcher, disk: PlayedDisk, files: Write
) -> None:
    prefetcher.want("ada", {"a": files("a1", "a2")})
    disk.asked()
    prefetcher.forget("ada")
    prefetcher.forget("nobody")
    assert prefetcher.snapshot() == ()
    assert prefetcher.wait(0)


def test_what_was_abandoned_and_is_wanted_again_is_read_from_the_start(
    prefetcher: Prefetcher, disk: PlayedDisk, files: Write
) -> None:
    prefetcher.want("ada", {"a": files("a1")})
    disk.asked()
    prefetcher.forget("ada")
    disk.let()
    prefetcher.want("ada", {"b": files("b1")})
    disk.asked()
    prefetcher.want("ada", {"b": files("b1"), "a": files("a1")})
    disk.let(2)
    assert prefetcher.wait(PATIENCE)
    assert prefetcher.snapshot() == (Warming("b", 100, 100, "done"), Warming("a", 100, 100, "done"))


def test_a_changed_set_of_files_is_read_instead_of_the_old_one(
    prefetcher: Prefetcher, disk: PlayedDisk, files: Write
) -> None:
    prefetcher.want("ada", {"a": files("old")})
    disk.asked()
    prefetcher.want("ada", {"a": files("new")})
    disk.let(2)
    assert prefetcher.wait(PATIENCE)
    assert disk.ended == ["new"]
    assert prefetcher.snapshot() == (Warming("a", 100, 100, "done"),)


def test_reading_waits_while_a_load_lasts(prefetcher: Prefetcher, disk: PlayedDisk, files: Write) -> None:
    prefetcher.want("ada", {"a": files("a1", "a2")})
    disk.asked()
    with prefetcher.yield_to(), prefetcher.yield_to():
        disk.let(2)
        disk.ended.append("load")
    assert prefetcher.wait(PATIENCE)
    assert disk.ended == ["load", "a1", "a2"]


def test_no_turn_begins_while_a_load_lasts(prefetcher: Prefetcher, disk: PlayedDisk, files: Write) -> None:
    disk.let(1)
    with prefetcher.yield_to():
        prefetcher.want("ada", {"a": files("a")})
        assert not prefetcher.wait(0)
        disk.begun.append("load")
    assert prefetcher.wait(PATIENCE)
    assert disk.begun == ["load", "a"]


def test_what_is_forgotten_during_a_load_is_left_at_once(
    prefetcher: Prefetcher, disk: PlayedDisk, files: Write
) -> None:
    prefetcher.want("ada", {"a": files("a1", "a2")})
    disk.asked()
    with prefetcher.yield_to():
        disk.let()
        prefetcher.forget("ada")
        prefetcher.close()
    assert disk.ended == []


def test_a_load_that_fails_holds_nothing_back(prefetcher: Prefetcher, disk: PlayedDisk, files: Write) -> None:
    with pytest.raises(ZeroDivisionError), prefetcher.yield_to():
        raise ZeroDivisionError
    prefetcher.want("ada", {"a": files("a")})
    disk.let()
    assert prefetcher.wait(PATIENCE)


def test_what_is_in_memory_already_is_not_read(
    prefetcher: Prefetcher, disk: PlayedDisk, memory: Memory, files: Write
) -> None:
    memory.shares = {"a1": 1.0, "b1": 1.0, "b2": 0.5}
    prefetcher.want("ada", {"a": files("a1"), "b": files("b1", "b2")})
    disk.let()
    assert prefetcher.wait(PATIENCE)
    assert disk.begun == ["b2"]
    assert prefetcher.snapshot() == (
        Warming("a", 100, 100, "skipped", "in memory already"),
        Warming("b", 200, 200, "done"),
    )
    assert all(warming.is_warm for warming in prefetcher.snapshot())


def test_where_nobody_knows_what_is_cached_everything_is_read(
    prefetcher: Prefetcher, disk: PlayedDisk, memory: Memory, files: Write
) -> None:
    memory.shares = {"a1": None}
    prefetcher.want("ada", {"a": files("a1")})
    disk.let()
    assert prefetcher.wait(PATIENCE)
    assert disk.ended == ["a1"]


def test_what_does_not_fit_is_skipped_with_the_numbers(
    prefetcher: Prefetcher, disk: PlayedDisk, memory: Memory, files: Write
) -> None:
    memory.free = 150
    prefetcher.want("ada", {"a": files("a1", "a2"), "b": files("b")})
    disk.let()
    assert prefetcher.wait(PATIENCE)
    skipped, done = prefetcher.snapshot()
    assert (skipped.state, done.state) == ("skipped", "done")
    assert skipped.reason == "needs 0.00 GB of memory, and 0.00 GB are free"
    assert not skipped.is_warm


def test_what_was_warmed_for_one_is_not_pushed_out_for_another(
    prefetcher: Prefetcher, disk: PlayedDisk, memory: Memory, files: Write
) -> None:
    """The kernel calls memory available that warmed files are in, so each alone would fit."""
    memory.free = 250
    memory.shares = {"a": 1.0}
    prefetcher.want("ada", {"a": files("a"), "b": files("b"), "c": files("c")})
    disk.let(2)
    assert prefetcher.wait(PATIENCE)
    assert [warming.is_warm for warming in prefetcher.snapshot()] == [True, True, False]
    prefetcher.want("ada", {"c": files("c")})
    assert prefetcher.wait(PATIENCE)
    assert prefetcher.snapshot() == (Warming("c", 100, 100, "done"),)


def test_nothing_is_read_where_nobody_knows_what_is_free(
    prefetcher: Prefetcher, disk: PlayedDisk, memory: Memory, files: Write
) -> None:
    memory.free = None
    prefetcher.want("ada", {"a": files("a")})
    assert prefetcher.wait(PATIENCE)
    assert prefetcher.snapshot()[0].reason == "this system does not tell how much memory is free"


def test_a_checkpoint_whose_files_are_gone_is_skipped(
    prefetcher: Prefetcher, disk: PlayedDisk, files: Write, tmp_path: Path
) -> None:
    prefetcher.want("ada", {"a": (*files("a1"), tmp_path / "gone")})
    assert prefetcher.wait(PATIENCE)
    assert prefetcher.snapshot() == (Warming("a", 0, 100, "skipped", "its files are gone"),)


def test_files_that_are_cut_short_while_they_are_read_are_told(
    prefetcher: Prefetcher, disk: PlayedDisk, files: Write
) -> None:
    (path,) = files("a")
    prefetcher.want("ada", {"a": (path,)})
    disk.asked()
    path.write_bytes(b"x")
    disk.let()
    assert prefetcher.wait(PATIENCE)
    assert prefetcher.snapshot() == (Warming("a", 1, 100, "skipped", "its files are gone"),)


def test_what_was_skipped_is_looked_at_anew_when_it_is_wanted_again(
    prefetcher: Prefetcher, disk: PlayedDisk, memory: Memory, files: Write
) -> None:
    memory.free = 0
    prefetcher.want("ada", {"a": files("a")})
    assert prefetcher.wait(PATIENCE)
    memory.free = PLENTY
    disk.let()
    prefetcher.want("ada", {"a": files("a")})
    assert prefetcher.wait(PATIENCE)
    assert prefetcher.snapshot()[0].state == "done"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_reader_that_fails_is_told_and_the_next_wish_begins_anew(memory: Memory, files: Write) -> None:
    fails = [True]

    def read(paths: Iterable[Path], **_: object) -> int:
        if fails.pop():
            raise ZeroDivisionError
        return SIZE

    prefetcher = Prefetcher(read=read, cached=lambda _: 0.0, room=lambda: PLENTY)
    prefetcher.want("ada", {"a": files("a")})
    assert prefetcher.wait(PATIENCE)
    assert prefetcher.snapshot() == (Warming("a", 0, 0, "skipped", "could not be read"),)
    thread = prefetcher._thread
    assert thread is not None
    thread.join(PATIENCE)
    fails.append(False)
    prefetcher.want("ada", {"a": files("a")})
    assert prefetcher.wait(PATIENCE)
    assert prefetcher.snapshot()[0].state == "done"
    prefetcher.close()


def test_no_thread_begins_before_somebody_wants_something(prefetcher: Prefetcher) -> None:
    prefetcher.want("ada", {})
    with prefetcher.yield_to():
        assert prefetcher.snapshot() == ()
    assert prefetcher._thread is None
    assert prefetcher.wait(0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a thread's own priority is Linux's")
def test_the_reading_thread_alone_has_the_lowest_priority(
    prefetcher: Prefetcher, disk: PlayedDisk, files: Write
) -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    prefetcher.want("ada", {"a": files("a")})
    disk.let()
    assert prefetcher.wait(PATIENCE)
    assert disk.priorities == [LOWEST_PRIORITY]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_a_closed_one_wants_nothing_any_more(prefetcher: Prefetcher, disk: PlayedDisk, files: Write) -> None:
    prefetcher.close()
    prefetcher.want("ada", {"a": files("a")})
    assert prefetcher.snapshot() == ()
    assert disk.begun == []


# Python 3.12 and later warn of forks beside threads.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forked workers are Unix's")
def test_a_forked_child_begins_anew_whatever_its_parent_held(
    prefetcher: Prefetcher, disk: PlayedDisk, files: Write
) -> None:
    paths = files("a1", "a2")
    prefetcher.want("ada", {"a": paths})
    disk.asked()
    with prefetcher._changed, prefetcher.yield_to():
        child = os.fork()
        if child == 0:
            status = 1
            try:
                prefetcher.after_fork()
                assert prefetcher.snapshot() == ()
                assert prefetcher.wait(0)
                # The parent's reader may have been just inside a lock of the played disk.
                own = PlayedDisk()
                own.let(2)
                prefetcher._read = own.read
                prefetcher.want("bob", {"a": paths})
                assert prefetcher.wait(PATIENCE)
                assert own.begun == ["a1", "a2"]
                status = 0
            finally:
                os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_real_files_are_warm_afterwards(tmp_path: Path) -> None:
    paths = tuple(tmp_path / name for name in ("model-1.safetensors", "model-2.safetensors"))
    for path in paths:
        path.write_bytes(os.urandom(BLOCK + 5000))
        drop(path)
    if any(cached_fraction(path) != 0.0 for path in paths):
        pytest.skip("this file system does not tell, or does not drop")
    prefetcher = Prefetcher()
    prefetcher.want("ada", {"a": paths})
    assert prefetcher.wait(PATIENCE)
    assert prefetcher.snapshot() == (Warming("a", 2 * BLOCK + 10000, 2 * BLOCK + 10000, "done"),)
    assert [cached_fraction(path) for path in paths] == [1.0, 1.0]
    prefetcher.want("ada", {"a": paths})
    assert prefetcher.wait(PATIENCE)
    assert prefetcher.snapshot()[0].reason == "in memory already"
    prefetcher.close()


def test_a_tenth_of_ram_is_never_filled() -> None:
    free = room()
    if free is None:
        pytest.skip("this system does not tell")
    assert free < 0.9 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
