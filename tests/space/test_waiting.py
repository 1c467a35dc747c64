"""Waiting for one commit to run, on a loopback Hub whose runtime says what a test wrote down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.space.errors import RefusedError
from microscope.space.waiting import (
    GRACE_SECONDS,
    Before,
    DeployFailedError,
    OvertakenError,
    look,
    new_lines,
    settle,
    wait_until_running,
)
from tests.hub.spaces.accounts import Account
from tests.hub.spaces.repository import Told
from tests.space.shipping import SPACE, World, world_of


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return a Space on which a first app runs."""
    with world_of(tmp_path) as world:
        world.spaces.commit(SPACE, {"app.py": b"first"})
        world.spaces.now(SPACE, "RUNNING")
        world.hub.runtime()
        yield world


def committed(world: World, *stages: str | Told) -> tuple[str, Before]:
    """Make a commit that leads to these stages, and return it with how the Space stood before."""
    before = look(world.hub)
    world.spaces.script(SPACE, *stages, once=True)
    return world.spaces.commit(SPACE, {"app.py": b"second"}), before


def wait(world: World, commit: str, before: Before, proof: Callable[[], bool | None] | None = None) -> None:
    wait_until_running(world.hub, commit, before, world.watch, proof)


def test_stages_and_log_lines_are_told_in_order_and_once(world: World) -> None:
    world.spaces.say(SPACE, "build", "old build")
    commit, before = committed(world, Told("BUILDING", polls=3), Told("APP_STARTING", polls=2), "RUNNING")
    world.spaces.meanwhile("/logs/build", lambda: world.spaces.say(SPACE, "build", "one", "\x1b[32mtwo\x1b[0m"))
    world.spaces.meanwhile("/logs/run", lambda: world.spaces.say(SPACE, "run", "on port 7860"))
    wait(world, commit, before)
    assert world.lines == [
        f"{SPACE} is being built.",
        "  one",
        "  two",
        f"{SPACE} starts.",
        "  on port 7860",
        f"{SPACE} runs.",
    ]


def test_the_old_state_does_not_pass_for_the_new_one(world: World) -> None:
    old = Told("RUNNING", sha="old", polls=4)
    commit, before = committed(
        world, old, Told("RUNNING_BUILDING", sha="old"), Told("RUNNING_APP_STARTING", sha="old"), old, "RUNNING"
    )
    wait(world, commit, before)
    assert world.clock.pauses == 10


def test_without_a_commit_told_another_stage_must_be_seen_first(world: World) -> None:
    silent = Told("RUNNING", sha="none", polls=5)
    commit, before = committed(world, silent, Told("RUNNING_BUILDING", sha="none"), Told("RUNNING", sha="none"))
    wait(world, commit, before)
    assert world.clock.pauses == 6


def test_without_a_commit_told_and_no_other_stage_it_is_never_taken_to_run(world: World) -> None:
    commit, before = committed(world, Told("RUNNING", sha="none"))
    with pytest.raises(DeployFailedError, match=r"still runs what ran before after 10 minutes, not commit "):
        wait(world, commit, before)


def test_the_app_itself_may_prove_that_it_is_new(world: World) -> None:
    commit, before = committed(world, Told("RUNNING", sha="none"))
    answers: list[bool | None] = [None, False, False, True]
    wait(world, commit, before, lambda: answers.pop(0))
    assert answers == []


def test_an_app_that_says_it_is_old_is_believed_over_the_stages(world: World) -> None:
    commit, before = committed(world, Told("RUNNING_BUILDING", sha="none"), Told("RUNNING", sha="none"))
    answers = [False, False, True]
    wait(world, commit, before, lambda: answers.pop(0))
    assert answers == []


@pytest.mark.parametrize(
    "stage", ["BUILD_ERROR", "CONFIG_ERROR", "RUNTIME_ERROR", "NO_APP_FILE", "PAUSED", "DELETING"]
)
def test_a_commit_that_cannot_run_is_told_at_once(world: World, stage: str) -> None:
    commit, before = committed(world, "BUILDING", Told(stage, error="the platform says so"))
    with pytest.raises(DeployFailedError) as failed:
        wait(world, commit, before)
    assert failed.value.stage == stage
    assert world.clock.pauses == 1
    assert str(failed.value).startswith(f"{SPACE} ")


def test_a_failed_build_has_its_cause_and_its_log(world: World) -> None:
    token = "hf_" + "b" * 34
    world.spaces.say(SPACE, "build", *(f"line {number}" for number in range(90)))
    world.spaces.say(SPACE, "build", f"login with {token}", "ERROR: No matching distribution found for torhc", "end")
    commit, before = committed(world, "BUILDING", Told("BUILD_ERROR", error="Build failed with exit code: 1"))
    with pytest.raises(DeployFailedError, match=r"could not be built: ERROR: No matching .* for torhc: ") as failed:
        wait(world, commit, before)
    assert failed.value.log[-3:] == (
        "login with [a token]",
        "ERROR: No matching distribution found for torhc",
        "end",
    )
    assert len(failed.value.log) == 60


def test_a_crash_has_its_run_log_and_what_the_hub_says(world: World) -> None:
    world.spaces.say(SPACE, "build", "ERROR: of the build")
    world.spaces.say(SPACE, "run", "Traceback (most recent call last):", '  File "a"', "ValueError: no preset")
    commit, before = committed(world, "APP_STARTING", Told("RUNTIME_ERROR", error="Exit code: 1"))
    with pytest.raises(DeployFailedError, match="stopped with an error: ValueError: no preset: "):
        wait(world, commit, before)


def test_the_failure_of_the_commit_before_is_not_ours(world: World) -> None:
    world.spaces.now(SPACE, Told("BUILD_ERROR", sha="none"))
    commit, before = committed(world, Told("BUILD_ERROR", sha="none", polls=5), "BUILDING", "RUNNING")
    assert before.runtime.stage == "BUILD_ERROR"
    wait(world, commit, before)


def test_a_failure_that_stays_becomes_ours(world: World) -> None:
    world.spaces.now(SPACE, Told("BUILD_ERROR", sha="old"))
    commit, before = committed(world, Told("BUILD_ERROR", sha="old"))
    with pytest.raises(DeployFailedError, match="could not be built"):
        wait(world, commit, before)
    assert world.clock.now == pytest.approx(GRACE_SECONDS, abs=5)


def test_a_space_that_sleeps_is_woken_once(world: World) -> None:
    commit, before = committed(world, Told("STOPPED", polls=3))
    world.spaces.script(SPACE, Told("STOPPED", polls=2), "APP_STARTING", "RUNNING", once=True)
    wait(world, commit, before)
    assert world.spaces.count("POST", "/restart") == 1


def test_a_space_that_does_not_wake_is_told(world: World) -> None:
    world.spaces.script(SPACE, "STOPPED")
    commit, before = committed(world, "STOPPED")
    with pytest.raises(DeployFailedError, match="asleep and does not wake"):
        wait(world, commit, before)
    assert world.spaces.count("POST", "/restart") == 1


def test_where_a_restart_is_not_allowed_a_visit_wakes_it(world: World) -> None:
    commit, before = committed(world, Told("STOPPED", polls=3), "APP_STARTING", "RUNNING")
    world.spaces.admit("hf_files", Account("[OIDC]", "files", only=SPACE))
    world.token = "hf_files"  # noqa: S105  # nobody's
    visits: list[bool] = []
    wait(world, commit, before, lambda: visits.append(True))
    assert visits == [True]


@pytest.mark.parametrize("status", [400, 409])
def test_a_restart_that_is_refused_for_any_reason_ends_no_wait(world: World, status: int) -> None:
    commit, before = committed(world, Told("STOPPED", polls=3), "APP_STARTING", "RUNNING")
    world.spaces.fail(status, on="/restart")
    visits: list[bool] = []
    wait(world, commit, before, lambda: visits.append(True))
    assert visits == [True]


def test_a_time_out_says_where_it_stands(world: World) -> None:
    world.spaces.say(SPACE, "build", "Collecting torch")
    commit, before = committed(world, "BUILDING")
    with pytest.raises(DeployFailedError, match=r"still at BUILDING after 10 minutes.*--timeout") as failed:
        wait(world, commit, before)
    assert failed.value.log == ("Collecting torch",)
    assert world.clock.now == pytest.approx(600, abs=5)


def test_somebody_else_s_commit_ends_the_wait(world: World) -> None:
    commit, before = committed(world, Told("BUILDING", polls=3), "RUNNING")
    others: list[str] = []

    def pause(seconds: float) -> None:
        others.append(world.spaces.commit(SPACE, {"app.py": b"third"}))

    with pytest.raises(OvertakenError, match="another deploy took over, and nothing was rolled back"):
        wait_until_running(world.hub, commit, before, replace(world.watch, pause=pause))
    assert world.head == others[0]
    assert len(others) == 1


def test_a_hub_in_trouble_is_outlasted(world: World) -> None:
    commit, before = committed(world, "BUILDING", "RUNNING")
    world.spaces.fail(503, on="/runtime", times=40)
    wait(world, commit, before)
    assert any("Still asking" in line for line in world.lines)


def test_a_hub_that_stays_in_trouble_is_a_time_out(world: World) -> None:
    commit, before = committed(world, "RUNNING")
    world.spaces.fail(503, on="/runtime", times=10**6)
    with pytest.raises(DeployFailedError, match="The Hub did not say within 10 minutes"):
        wait(world, commit, before)


def test_a_token_that_is_refused_ends_the_wait_without_a_verdict(world: World) -> None:
    commit, before = committed(world, "BUILDING", "RUNNING")
    world.spaces.fail(401, on="/runtime", message="Invalid credentials in Authorization header")
    with pytest.raises(RefusedError):
        wait(world, commit, before)


def test_a_log_that_cannot_be_read_stops_nobody(world: World) -> None:
    world.spaces.fail(403, on="/logs/", times=10**6)
    commit, before = committed(world, "BUILDING", "RUNNING")
    wait(world, commit, before)
    assert world.lines == [f"{SPACE} is being built.", f"{SPACE} runs."]


def test_a_log_that_came_short_once_is_not_told_again(world: World) -> None:
    commit, before = committed(world, Told("BUILDING", polls=4), "RUNNING")
    logs = world.spaces.space(SPACE).logs
    come = [["one", "two", "three"], ["one"], ["one", "two", "three", "four"]]
    logs["build"] = ["one", "two"]

    def pause(seconds: float) -> None:
        if come:
            logs["build"] = come.pop(0)

    wait_until_running(world.hub, commit, before, replace(world.watch, pause=pause))
    assert [line.strip() for line in world.lines if line.startswith(" ")] == ["one", "two", "three", "four"]


def test_an_earlier_deploy_is_waited_for(world: World) -> None:
    world.spaces.now(SPACE, Told("BUILDING", polls=3), Told("APP_STARTING", polls=2), "RUNNING")
    settle(world.hub, world.watch)
    assert world.clock.pauses == 5
    assert len(world.lines) == 2
    world.spaces.now(SPACE, "BUILDING")
    with pytest.raises(UserError, match="still busy with an earlier commit after 1 minute"):
        settle(world.hub, world.watch, 60)


@pytest.mark.parametrize(
    ("known", "lines", "fresh"),
    [
        ((), ("a", "b"), ("a", "b")),
        (("a", "b"), ("a", "b", "c"), ("c",)),
        (("a", "b", "c"), ("b", "c", "d"), ("d",)),
        (("a", "a"), ("a", "a", "a"), ("a",)),
        (("a", "b"), ("x", "y"), ("x", "y")),
    ],
)
def test_only_new_lines_of_a_log_are_told(
    known: tuple[str, ...], lines: tuple[str, ...], fresh: tuple[str, ...]
) -> None:
    assert new_lines(known, lines) == fresh
