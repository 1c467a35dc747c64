"""Seeing through that an earlier revision is back, and that the newest commit runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.space.restoring import put_back, wait_for_head
from microscope.space.waiting import DeployFailedError, OvertakenError
from tests.hub.spaces.repository import Told
from tests.space.shipping import SPACE, World, world_of


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return a Space with an app by hand and versions 1 and 2 on top."""
    with world_of(tmp_path) as world:
        world.spaces.commit(SPACE, {"app.py": b"by hand"}, message="by hand")
        for version in ("1.0.0", "2.0.0"):
            world.change("app.py", version)
            world.ship(version)
        world.visits.seen.clear()
        world.lines.clear()
        yield world


def commits(world: World) -> dict[str, str]:
    return {commit.title: commit.sha for commit in world.spaces.history(SPACE)}


def test_what_is_back_is_waited_for_and_tested_as_what_it_is(world: World) -> None:
    target = commits(world)["Deploy 1.0.0"]
    back = put_back(world.hub, target, world.head, world.steps, world.watch)
    assert back.done.commit == world.head
    assert back.tested.failure is None
    world.change("app.py", "1.0.0")
    assert world.visits.seen == [(world.hub.host, "1.0.0", world.payload("1.0.0").digest)]
    assert world.digests() == world.digests(target)
    assert world.lines[-1] == f"{SPACE} runs."


def test_a_revision_without_a_manifest_is_waited_for_and_not_tested(world: World) -> None:
    back = put_back(world.hub, commits(world)["by hand"], world.head, world.steps, world.watch)
    assert (back.tested.failure, world.visits.seen) == (None, [])
    assert "left out" in world.lines[-1]


def test_without_waiting_it_ends_with_the_commit(world: World) -> None:
    asked = world.spaces.count("GET", "/runtime")
    target = commits(world)["Deploy 1.0.0"]
    put_back(world.hub, target, world.head, replace(world.steps, wait=False), world.watch)
    assert world.digests() == world.digests(target)
    assert world.spaces.count("GET", "/runtime") == asked + 1
    assert world.visits.seen == []


def test_what_is_there_already_is_said(world: World) -> None:
    before = world.head
    assert put_back(world.hub, before, before, world.steps, world.watch).done.empty
    assert world.head == before
    assert "nothing was committed" in world.lines[0]


def test_what_is_back_and_does_not_run_or_cannot_be_seen_has_its_sentence(world: World) -> None:
    target = commits(world)["Deploy 1.0.0"]
    world.spaces.script(SPACE, "BUILDING", Told("RUNTIME_ERROR", error="no luck"), once=True)
    back = put_back(world.hub, target, world.head, world.steps, world.watch)
    assert back.tested.failure is not None
    assert "no luck" in back.tested.failure.sentence
    world.spaces.meanwhile("/commit/", lambda: world.spaces.fail(403, on="/runtime", times=10**6))
    back = put_back(world.hub, commits(world)["Deploy 2.0.0"], world.head, world.steps, world.watch)
    assert back.tested.failure is not None
    assert back.tested.failure.sentence.startswith("It could not be seen to run. ")


def test_what_is_back_is_tested_also_where_the_hub_fails_once_it_runs(world: World) -> None:
    def tell(line: str) -> None:
        if line == f"{SPACE} runs.":
            world.spaces.fail(500, times=10**6)

    address = world.hub.host
    target = commits(world)["Deploy 1.0.0"]
    back = put_back(world.hub, target, world.head, world.steps, replace(world.watch, tell=tell))
    assert back.tested.failure is None
    assert [visited[:2] for visited in world.visits.seen] == [(address, "1.0.0")]


@pytest.mark.parametrize("wait", [True, False])
def test_what_is_back_and_cannot_be_compared_is_back_all_the_same(world: World, *, wait: bool) -> None:
    world.spaces.meanwhile("/commit/", lambda: world.spaces.fail(403, on="/tree/", times=10**6))
    target = commits(world)["Deploy 1.0.0"]
    back = put_back(world.hub, target, world.head, replace(world.steps, wait=wait), world.watch)
    assert back.done.commit == world.head
    assert back.tested.failure is not None
    assert world.digests() == world.digests(target)


def test_a_commit_on_top_of_what_is_back_is_somebody_else_s(world: World) -> None:
    def pause(seconds: float) -> None:
        world.spaces.commit(SPACE, {"app.py": b"theirs"}, message="theirs")

    target = commits(world)["Deploy 1.0.0"]
    with pytest.raises(
        OvertakenError, match=f"was given the files of {target[:7]} back, and .* took over"
    ) as overtaken:
        put_back(world.hub, target, world.head, world.steps, replace(world.watch, pause=pause))
    assert "nothing was rolled back" not in str(overtaken.value)
    assert world.titles[0] == "theirs"


def test_the_newest_commit_is_waited_for_whoever_made_it(world: World) -> None:
    world.spaces.script(SPACE, "BUILDING", "RUNNING", once=True)
    made = world.spaces.commit(SPACE, {"app.py": b"by hand again"})
    assert wait_for_head(world.hub, world.steps, world.watch) == made
    world.spaces.now(SPACE, Told("BUILD_ERROR", error="no luck"))
    with pytest.raises(DeployFailedError, match="no luck"):
        wait_for_head(world.hub, world.steps, world.watch)


def test_where_the_hub_tells_no_commit_the_digest_of_the_newest_is_asked_for(world: World) -> None:
    world.spaces.now(SPACE, Told("RUNNING", sha="none"))
    digests = ["old", world.payload("2.0.0").digest]
    steps = replace(world.steps, digest_at=lambda _address: digests.pop(0))
    assert wait_for_head(world.hub, steps, world.watch) == world.head
    assert digests == []
