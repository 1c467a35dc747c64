"""A command in a process of its own: what it wrote, how it ended, and that nothing of it stays."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from time import monotonic, sleep

from microscope.space.child import run_child

SLEEPER = "import subprocess, sys; print(subprocess.Popen(['sleep', '60']).pid, flush=True); sys.exit(3)"


def lives(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and that nobody asked for does not."""
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_for_end(pid: int) -> None:
    end = monotonic() + 10
    while lives(pid) and monotonic() < end:
        sleep(0.01)
    assert not lives(pid)


def test_it_tells_all_that_was_written_and_the_status(tmp_path: Path) -> None:
    code = "import os, sys; print('out'); print(os.getcwd(), os.environ['A'], file=sys.stderr); sys.exit(4)"
    ended = run_child([sys.executable, "-c", code], tmp_path, {"A": "b"}, 30)
    assert ended.status == 4
    assert sorted(ended.lines) == sorted(["out", f"{tmp_path} b"])


def test_what_it_started_ends_with_it(tmp_path: Path) -> None:
    ended = run_child([sys.executable, "-c", SLEEPER], tmp_path, dict(os.environ), 30)
    assert ended.status == 3
    wait_for_end(int(ended.log))


def test_it_ends_when_the_time_is_up(tmp_path: Path) -> None:
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    started = monotonic()
    ended = run_child([sys.executable, "-c", code], tmp_path, dict(os.environ), 1)
    assert ended.status is None
    assert monotonic() - started < 30
    wait_for_end(int(ended.log))


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    code = r"import sys; sys.stdout.buffer.write(b'\xff\xfe ok')"
    assert run_child([sys.executable, "-c", code], tmp_path, {}, 30).log.endswith(" ok")


def test_it_is_ended_as_soon_as_something_holds(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = "import pathlib, time; pathlib.Path('mark').touch(); print('there', flush=True); time.sleep(60)"
    started = monotonic()
    ended = run_child([sys.executable, "-c", code], tmp_path, dict(os.environ), 60, mark.exists)
    assert ended.status is None
    assert monotonic() - started < 30
