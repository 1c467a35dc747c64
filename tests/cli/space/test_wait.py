"""`microscope space wait`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from microscope.cli.space import wait
from tests.cli.space.around import run
from tests.hub.spaces.repository import Told
from tests.space.shipping import SPACE, World, world_of


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path) as world:
        yield world


def test_it_waits_until_the_newest_commit_runs(world: World) -> None:
    world.spaces.say(SPACE, "build", "Collecting torch")
    made = world.spaces.commit(SPACE, {"app.py": b"1"})
    found = run(world, wait, ["wait", SPACE])
    assert (found.status, found.out) == (0, f"{SPACE} runs commit {made[:7]}, at https://owner-microscope.hf.space\n")
    assert found.err.splitlines() == [
        f"{SPACE} is being built.",
        "  Collecting torch",
        f"{SPACE} starts.",
        f"{SPACE} runs.",
    ]


def test_one_that_cannot_run_exits_with_1_and_its_log(world: World) -> None:
    world.spaces.say(SPACE, "build", "of the build")
    world.spaces.script(SPACE, Told("BUILDING"), Told("BUILD_ERROR", error="no luck"))
    world.spaces.commit(SPACE, {"app.py": b"1"})
    found = run(world, wait, ["wait", SPACE, "--timeout", "5"])
    assert (found.status, found.out) == (1, "")
    assert f"The end of the log of {SPACE}:\n  of the build\n" in found.err
    assert "no luck" in found.err.splitlines()[-1]
