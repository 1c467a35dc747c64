"""`microscope space rollback`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from microscope.cli.space import rollback
from tests.cli.commands import Ran
from tests.cli.space.around import run
from tests.hub.spaces.repository import Told
from tests.space.shipping import SPACE, World, world_of


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return a Space with versions 1 to 3."""
    with world_of(tmp_path) as world:
        for version in ("1.0.0", "2.0.0", "3.0.0"):
            world.change("app.py", version)
            world.ship(version)
        world.visits.seen.clear()
        yield world


def rolled(world: World, *flags: str) -> Ran:
    return run(world, rollback, ["rollback", SPACE, *flags])


def sha_of(world: World, title: str) -> str:
    return next(commit.sha for commit in world.spaces.history(SPACE) if commit.title == title)


def test_it_goes_back_one_and_again_one_further(world: World) -> None:
    for version in ("2.0.0", "1.0.0"):
        target = sha_of(world, f"Deploy {version}")
        found = rolled(world)
        assert found.status == 0
        assert found.out == (
            f"Rolled back: {SPACE} has the files of {target[:7]} again, commit {world.head[:7]}, and runs.\n"
        )
        assert world.digests() == world.digests(target)
        assert world.visits.seen[-1][1] == version
    found = rolled(world)
    assert found.status == 1
    assert "nothing to go back to" in found.err


def test_an_empty_commit_is_none_as_a_form_leaves_it(world: World) -> None:
    assert rolled(world, "--to", "").status == 0
    assert world.digests() == world.digests(sha_of(world, "Deploy 2.0.0"))


def test_a_commit_may_be_named(world: World) -> None:
    target = sha_of(world, "Deploy 1.0.0")
    assert rolled(world, "--to", target[:8], "--no-smoke").status == 0
    assert world.digests() == world.digests(target)
    assert world.visits.seen == []
    found = rolled(world, "--to", target)
    assert found.out == f"Nothing to do: {SPACE} has the files of {target[:7]} already.\n"
    assert "is no commit" in rolled(world, "--to", "0000000").err


def test_without_waiting_it_ends_with_the_commit(world: World) -> None:
    world.spaces.script(SPACE, "BUILD_ERROR")
    found = rolled(world, "--no-wait")
    assert found.status == 0
    assert "nobody has seen it run" in found.out


def test_what_is_back_and_does_not_work_exits_with_6(world: World) -> None:
    world.spaces.say(SPACE, "run", "ValueError: of the run")
    world.spaces.script(SPACE, "BUILDING", Told("RUNTIME_ERROR", error="Exit code: 1"), once=True)
    found = rolled(world)
    assert (found.status, found.out) == (6, "")
    assert "  ValueError: of the run" in found.err.splitlines()
    world.visits.wrong = frozenset({"1.0.0"})
    found = rolled(world)
    assert found.status == 6
    assert "failed   Answer: it says nothing" in found.err
