"""`microscope space check`, its table, its JSON and its exit statuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.cli.space import check
from microscope.cli.space.context import Context
from microscope.space.findings import Finding, Status
from microscope.space.preflight import CHECKS
from microscope.space.preflight.base import Check, failed, fine, warned
from tests.cli.commands import Ran
from tests.cli.space.around import context_of, run
from tests.space.shipping import World, world_of

GOOD = Check("Good", lambda _project: [fine("Good", "as it should be.")])
SLOW = Check("Slow", lambda _project: [fine("Slow", "waited for.")], slow=True)
FAR = Check("Far", lambda _project: [fine("Far", "asked for.")], network=True)
ODD = Check("Odd", lambda _project: [warned("Odd", "it is odd.", "Make it even.")])
BAD = Check("Bad", lambda _project: [failed("Bad", "it is broken.", "Mend it.")])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path) as world:
        yield world


def checked(world: World, *checks: Check, flags: tuple[str, ...] = ()) -> Ran:
    return run(world, check, ["check", *flags], replace(context_of(world), checks=checks))


def test_nothing_wrong_exits_with_0(world: World) -> None:
    found = checked(world, GOOD, SLOW)
    assert (found.status, found.out) == (
        0,
        "ok       Good: as it should be.\nok       Slow: waited for.\nReady: 2 as they should be.\n",
    )
    assert found.err == "Checking: Slow ...\n"


def test_a_warning_exits_with_0_and_says_what_to_do(world: World) -> None:
    found = checked(world, ODD, GOOD)
    assert found.status == 0
    assert found.out.splitlines() == [
        "warning  Odd: it is odd. Make it even.",
        "ok       Good: as it should be.",
        "Ready: 1 to look at, 1 as it should be.",
    ]


def test_a_failure_exits_with_1_and_hides_nothing(world: World) -> None:
    found = checked(world, BAD, ODD, GOOD)
    assert found.status == 1
    assert found.out.splitlines() == [
        "failed   Bad: it is broken. Mend it.",
        "warning  Odd: it is odd. Make it even.",
        "ok       Good: as it should be.",
    ]
    assert found.err == "Not ready: 1 failed, 1 to look at, 1 as it should be.\n"


@pytest.mark.parametrize(
    ("flags", "skipped"),
    [(("--quick",), ["Slow"]), (("--offline",), ["Far"]), (("--quick", "--offline"), ["Slow", "Far"])],
)
def test_flags_leave_out_what_is_then_told(world: World, flags: tuple[str, ...], skipped: list[str]) -> None:
    found = checked(world, GOOD, SLOW, FAR, flags=flags)
    assert found.status == 0
    assert [line.split()[1].rstrip(":") for line in found.out.splitlines() if line.startswith("skipped")] == skipped
    assert f"{len(skipped)} left out" in found.out.splitlines()[-1]


def test_the_findings_are_json_on_request(world: World) -> None:
    found = checked(world, BAD, GOOD, flags=("--json",))
    assert found.status == 1
    assert json.loads(found.out) == [
        {"subject": "Bad", "status": "failed", "detail": "it is broken.", "advice": "Mend it."},
        {"subject": "Good", "status": "ok", "detail": "as it should be.", "advice": ""},
    ]


def test_without_further_word_all_checks_run(world: World) -> None:
    assert Context().checks == CHECKS
    found = run(world, check, ["check", "--quick", "--offline", "--json"], replace(context_of(world), checks=CHECKS))
    told = json.loads(found.out)
    assert {one["subject"] for one in told} == {one.name for one in CHECKS}
    assert found.status == 1
    assert all(one["advice"] or ":" in one["detail"] for one in told if one["status"] in ("failed", "warning"))


def test_the_summary_counts() -> None:
    assert check.summary([Finding("a", Status.SKIPPED, "b")]) == "Ready: 1 left out."
    assert check.summary([Finding("a", Status.FAILED, "b")] * 2) == "Not ready: 2 failed."
