"""`microscope space create`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from microscope.cli.space import create
from tests.cli.space.around import context_of, run
from tests.hub.spaces.loopback_spaces import LoopbackSpaces
from tests.space.shipping import World, write_project

NEW = "owner/new"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with LoopbackSpaces() as spaces:
        yield World(spaces, write_project(tmp_path))


def test_a_space_is_created_on_the_hardware_that_the_readme_suggests(world: World) -> None:
    found = run(world, create, ["create", NEW])
    made = world.spaces.space(NEW)
    assert (found.status, made.requested, made.private, made.sleep) == (0, "zero-a10g", False, None)
    assert found.out == (
        f"Created: {world.spaces.url}/spaces/{NEW} on zero-a10g, free. Next: microscope space deploy {NEW}\n"
    )


def test_flags_decide(world: World) -> None:
    found = run(world, create, ["create", NEW, "--private", "--hardware", "t4-small", "--sleep", "3600"])
    made = world.spaces.space(NEW)
    assert (made.requested, made.private, made.sleep) == ("t4-small", True, 3600)
    assert "on t4-small, $0.40 an hour while it runs" in found.out


def test_one_that_exists_is_left_as_it_is(world: World) -> None:
    world.spaces.create(NEW, {"app.py": b"mine"})
    before = world.spaces.head(NEW)
    found = run(world, create, ["create", NEW, "--hardware", "t4-small"])
    assert found.status == 0
    assert f"exists already and was left as it is; microscope space configure {NEW}" in found.out
    assert (world.spaces.head(NEW), world.spaces.space(NEW).requested) == (before, "cpu-basic")


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["create", "name"], "owner/name"),
        (["create", NEW, "--hardware", "h100"], "choose one of cpu-basic"),
        (["create", NEW, "--sleep", "1h"], "seconds"),
        (["create", NEW, "--hardware", "cpu-basic", "--sleep", "60"], "omit --sleep"),
        (["create", "somebody/new"], "somebody"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_created(world: World, arguments: list[str], advice: str) -> None:
    found = run(world, create, arguments)
    assert (found.status, found.out) == (1, "")
    assert advice in found.err
    assert world.spaces.spaces == {}


def test_a_free_account_is_told_what_is_free(world: World) -> None:
    context = context_of(world, world.spaces.free_token)
    found = run(world, create, ["create", "free/new", "--hardware", "cpu-basic"], context)
    assert found.status == 1
    assert "--hardware zero-a10g" in found.err
    assert run(world, create, ["create", "free/new"], context).status == 0


def test_a_readme_that_suggests_nothing_is_told(world: World) -> None:
    world.change("README.md", "---\ntitle: a\nsdk: gradio\n---\n")
    found = run(world, create, ["create", NEW])
    assert found.status == 1
    assert "name it with --hardware" in found.err
