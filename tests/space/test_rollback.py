"""Going back: to which commit, and that its files are exactly there again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.space.errors import ConflictError
from microscope.space.rollback import AlteredError, check_files, find_target, roll_back, title
from tests.space.shipping import SPACE, World, world_of

LARGE = {"a.safetensors": b"one" * 99, "b.safetensors": b"two" * 99}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path) as world:
        yield world


def commit(world: World, text: str, **more: bytes) -> str:
    """Put a commit with an app on top."""
    return world.spaces.commit(SPACE, {"app.py": text.encode(), **more}, message=text)


def back(world: World, to: str | None = None) -> str:
    """Roll back, and return the commit that was gone back to."""
    target = find_target(world.hub, to, world.lines.append)
    roll_back(world.hub, target, world.hub.head())
    return target


def test_the_files_are_exactly_those_of_the_target(world: World) -> None:
    first = world.spaces.commit(SPACE, {"app.py": b"1", "gone.txt": b"gone", "same.txt": b"same", **LARGE})
    head = world.spaces.commit(
        SPACE,
        {"app.py": b"2", "new.txt": b"new", "a.safetensors": b"x" * 99, ".gitattributes": b"*.png -text\n"},
        deleted=("gone.txt", "b.safetensors"),
    )
    done = roll_back(world.hub, first, head)
    assert world.digests(done.commit) == world.digests(first)
    assert world.head == done.commit
    assert done.restored == (".gitattributes", "a.safetensors", "app.py", "b.safetensors", "gone.txt")
    assert done.deleted == ("new.txt",)
    assert world.titles[0] == title(first) == f"Roll back to {first}"


def test_files_that_came_out_differently_are_named(world: World) -> None:
    first = world.spaces.commit(SPACE, {"app.py": b"1", **LARGE})
    done = roll_back(world.hub, first, world.spaces.commit(SPACE, {"app.py": b"2", "new.txt": b"new"}))
    check_files(world.hub, done)
    for name, named in ((".gitattributes", None), ("a.safetensors", "a.safetensors"), ("more.txt", "more.txt")):
        altered = replace(done, commit=world.spaces.commit(SPACE, {name: b"other"}))
        if named is None:
            check_files(world.hub, altered)
        else:
            with pytest.raises(
                AlteredError, match=rf"rolled back to {first[:7]}, yet .*{named}.* came out differently"
            ):
                check_files(world.hub, altered)


def test_a_file_that_was_small_and_became_large_comes_back_small(world: World) -> None:
    first = commit(world, "1", notes=b"small")
    head = commit(world, "2", notes=b"n" * (11 * 2**20))
    done = roll_back(world.hub, first, head)
    assert world.digests(done.commit) == world.digests(first)


def test_by_default_it_is_the_commit_before_and_again_further_back(world: World) -> None:
    one, two = commit(world, "1"), commit(world, "2")
    commit(world, "3")
    assert back(world) == two
    assert back(world) == one
    with pytest.raises(UserError, match="nothing to go back to"):
        back(world)
    assert world.digests() == world.digests(one)


def test_a_deploy_on_top_of_a_rollback_goes_back_to_the_rollback_and_not_into_a_circle(world: World) -> None:
    one = commit(world, "1")
    commit(world, "2, which is bad")
    assert back(world) == one
    rolled = world.head
    commit(world, "3, which is bad as well")
    assert back(world) == rolled
    assert world.digests() == world.digests(one)
    with pytest.raises(UserError, match="nothing to go back to"):
        back(world)


def test_commits_with_the_same_files_are_passed_over_and_told(world: World) -> None:
    one = commit(world, "1")
    commit(world, "2")
    again = world.spaces.commit(SPACE, {}, message="2 again")
    assert world.head == again
    assert back(world) == one
    assert world.lines == [
        f"{world.spaces.history(SPACE)[2].sha[:7]} (2) has the same files; going further back.",
    ]


def test_a_commit_may_be_named_by_its_beginning(world: World) -> None:
    one = commit(world, "1")
    commit(world, "2")
    three = commit(world, "3")
    assert back(world, one[:7]) == one
    assert back(world, three.upper()) == three
    assert world.digests() == world.digests(three)


@pytest.mark.parametrize("to", ["", "abc", "0" * 40, "main", "-x"])
def test_what_is_no_commit_is_refused_with_those_there_are(world: World, to: str) -> None:
    head = commit(world, "the only one")
    with pytest.raises(UserError, match=r"the only one") as refused:
        find_target(world.hub, to)
    assert head[:7] in str(refused.value)


def test_a_space_without_an_earlier_app_has_nothing_to_go_back_to(world: World) -> None:
    for _ in range(2):
        with pytest.raises(UserError, match="nothing to go back to"):
            find_target(world.hub)
        commit(world, "the only one")


def test_what_is_there_already_is_no_commit(world: World) -> None:
    one = commit(world, "1")
    before = world.titles
    done = roll_back(world.hub, one, one)
    assert done.empty
    assert done.commit == one
    assert world.titles == before


def test_a_commit_that_came_meanwhile_is_not_taken_back(world: World) -> None:
    one, two = commit(world, "1"), commit(world, "2")
    three = commit(world, "3")
    with pytest.raises(ConflictError):
        roll_back(world.hub, one, two)
    assert world.head == three
