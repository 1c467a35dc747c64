"""Checks that run one after the other: none hides another, and some are left out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import pytest

from microscope.errors import UserError
from microscope.space.child import run_child
from microscope.space.findings import Finding, Status
from microscope.space.preflight.base import Check, Project, fine
from microscope.space.preflight.running import run_checks


def good(name: str, *, slow: bool = False, network: bool = False) -> Check:
    return Check(name, lambda _project: [fine(name, "seen")], slow, network)


def bad(name: str, error: Exception) -> Check:
    def run(_project: Project) -> Sequence[Finding]:
        raise error

    return Check(name, run)


def test_one_that_fails_hides_no_other(tmp_path: Path) -> None:
    checks = [
        good("first"),
        bad("second", UserError("There is no file: add one.")),
        bad("third", PermissionError(13, "Permission denied", "app.py")),
        good("last"),
    ]
    found = run_checks(Project(tmp_path), checks)
    assert [(one.subject, one.status) for one in found] == [
        ("first", Status.OK),
        ("second", Status.FAILED),
        ("third", Status.FAILED),
        ("last", Status.OK),
    ]
    assert found[1].detail == "There is no file: add one."
    assert found[2].detail == "app.py cannot be read (Permission denied)."


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_file_that_is_no_text_hides_no_other(tmp_path: Path, encoding: str) -> None:
    def read(_project: Project) -> Sequence[Finding]:
        return [fine("read", "caf\u00e9".encode(encoding).decode())]

    found = run_checks(Project(tmp_path), [Check("read", read), good("last")])
    assert [(one.subject, one.status) for one in found] == [("read", Status.FAILED), ("last", Status.OK)]
    assert "no UTF-8" in found[0].detail
    assert "Save it as UTF-8" in found[0].advice


@pytest.mark.parametrize(
    ("quick", "offline", "left_out"),
    [
        (False, False, []),
        (True, False, ["slow", "both"]),
        (False, True, ["network", "both"]),
        (True, True, ["slow", "network", "both"]),
    ],
)
def test_what_is_left_out_is_told_with_its_reason(
    tmp_path: Path, *, quick: bool, offline: bool, left_out: list[str]
) -> None:
    checks = [good("slow", slow=True), good("network", network=True), good("both", slow=True, network=True)]
    found = run_checks(Project(tmp_path), checks, quick=quick, offline=offline)
    assert [one.subject for one in found if one.status is Status.SKIPPED] == left_out
    for one in found:
        assert one.status is Status.OK or "leaves it out" in one.detail


def test_slow_ones_are_told_when_they_begin(tmp_path: Path) -> None:
    told: list[str] = []
    run_checks(Project(tmp_path), [good("quick"), good("slow", slow=True)], tell=told.append)
    assert told == ["Checking: slow ..."]


def test_who_is_interrupted_waits_for_no_child(tmp_path: Path) -> None:
    def interrupted(_project: Project) -> Sequence[Finding]:
        raise KeyboardInterrupt

    def child(project: Project) -> Sequence[Finding]:
        command = [sys.executable, "-c", "import time; time.sleep(60)"]
        run_child(command, tmp_path, {}, 60, project.stop.is_set)
        return [fine("Child", "ended")]

    started = monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_checks(Project(tmp_path), [Check("First", interrupted), Check("Child", child)])
    assert monotonic() - started < 30


def test_a_bug_is_no_finding(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run_checks(Project(tmp_path), [bad("first", ZeroDivisionError())])
