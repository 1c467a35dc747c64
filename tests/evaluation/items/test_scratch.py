"""The scratch folder keeps what it must and goes when it should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.evaluation.items import scratch
from microscope.evaluation.items.scratch import Scratch, ScratchFullError
from tests.evaluation.items.sets import png

CHILD = """
from microscope.evaluation.items.scratch import Scratch
kept = Scratch()
kept.keep(b"some bytes")
print(kept.folder, len(list(kept.folder.iterdir())))
"""


def test_equal_bytes_are_kept_once_and_come_back_as_a_picture() -> None:
    kept = Scratch()
    name = kept.keep(png("red"))
    assert kept.keep(png("red")) == name
    assert kept.keep(png("blue")) != name
    assert len(list(kept.folder.iterdir())) == 2
    assert kept.has(name)
    assert kept.picture(name).rgb[:3] == b"\xff\0\0"


def test_it_goes_with_its_owner() -> None:
    kept = Scratch()
    folder = kept.folder
    kept.keep(b"some bytes")
    del kept
    assert not folder.exists()


def test_it_goes_when_the_process_ends() -> None:
    child = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True, timeout=120)
    folder, files = child.stdout.split()
    assert files == "1"
    assert not Path(folder).exists()


def test_a_fork_leaves_it_alone() -> None:
    kept = Scratch()
    called = kept.remove.peek()
    assert called is not None
    _, remove, (folder, owner), _ = called
    remove(folder, owner + 1)
    assert kept.folder.exists()
    remove(folder, owner)
    assert not kept.folder.exists()


def test_what_is_empty_or_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Scratch()
    with pytest.raises(UserError, match="empty"):
        kept.keep(b"")
    monkeypatch.setattr(scratch, "MAX_BYTES", 5)
    with pytest.raises(UserError, match="larger than"):
        kept.keep(b"123456")


def test_too_much_in_all_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Scratch()
    monkeypatch.setattr(scratch, "MAX_SCRATCH_BYTES", 5)
    kept.keep(b"12345")
    with pytest.raises(ScratchFullError, match="fewer rows"):
        kept.keep(b"6")


def test_a_full_disk_is_a_sentence() -> None:
    kept = Scratch()
    kept.folder.rmdir()
    with pytest.raises(ScratchFullError, match="free some space"):
        kept.keep(b"12345")


def test_a_path_is_lent_for_a_moment() -> None:
    kept = Scratch()
    with kept.lend(b"12345") as path:
        assert path.read_bytes() == b"12345"
    assert not path.exists()
