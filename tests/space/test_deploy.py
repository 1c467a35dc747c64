"""What a deploy would change, found by digests alone, and the one commit that changes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.settings import REPOSITORY
from microscope.space.deploy import commit_plan, compare, make_plan, manifest_at, table, title
from microscope.space.errors import ConflictError
from microscope.space.hub import RemoteFile
from microscope.space.payload import MANIFEST, Manifest, read_payload
from microscope.space.remote import digests_of
from tests.space.shipping import SPACE, WEIGHTS, World, world_of


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path) as world:
        yield world


def deployed(world: World) -> str:
    return commit_plan(world.hub, make_plan(world.hub, world.payload()), "Deploy")


def paths(differences: object) -> list[str]:
    return [difference.path for difference in differences]  # type: ignore[attr-defined]


def test_onto_a_new_space_everything_is_added_and_what_the_hub_made_stays(world: World) -> None:
    plan = make_plan(world.hub, world.payload())
    assert plan.first
    assert set(paths(plan.added)) | set(paths(plan.changed)) == {
        MANIFEST,
        *(file.path for file in world.payload().files),
    }
    assert plan.bytes == world.payload().size + len(world.payload().manifest)
    assert (plan.deleted, plan.kept, plan.previous) == ((), (), None)
    commit_plan(world.hub, plan, "Deploy 1.0.0")
    assert world.has_the_payload()
    assert ".gitattributes" in world.spaces.tree(SPACE)
    assert world.spaces.stored(SPACE)[WEIGHTS].large


def test_what_is_there_already_is_not_uploaded_again(world: World) -> None:
    deployed(world)
    before = len(world.spaces.requests)
    plan = make_plan(world.hub, world.payload())
    assert plan.empty
    assert plan.unchanged == len(world.payload().files) + 1
    assert not plan.first
    asked = [request.path for request in world.spaces.requests[before:]]
    assert [path for path in asked if "/resolve/" in path or "/raw/" in path] == [
        path for path in asked if path.endswith(MANIFEST)
    ]


def test_one_changed_byte_is_found_in_small_and_large_files(world: World) -> None:
    deployed(world)
    content = bytearray((world.root / WEIGHTS).read_bytes())
    content[7] ^= 1
    (world.root / WEIGHTS).write_bytes(content)
    world.change("app.py", "# app.px\n")
    plan = make_plan(world.hub, world.payload())
    assert paths(plan.changed) == ["app.py", MANIFEST, WEIGHTS]
    assert (plan.added, plan.deleted) == ((), ())
    commit_plan(world.hub, plan, "Deploy")
    assert world.has_the_payload()


def test_only_what_a_deploy_put_there_is_deleted(world: World) -> None:
    world.change("assets/old.txt", "old")
    world.change("src/other/module.py", "old")
    deployed(world)
    mine = {"notes.md": b"mine", "assets/mine.png": b"mine", ".gitattributes": b"*.x -text\n"}
    world.spaces.commit(SPACE, {**mine, "src/microscope/stale.py": b"stale"})
    world.change("assets/old.txt", None)
    world.change("src/other/module.py", None)
    plan = make_plan(world.hub, world.payload())
    assert paths(plan.deleted) == ["assets/old.txt", "src/microscope/stale.py", "src/other/module.py"]
    assert plan.kept == ("assets/mine.png", "notes.md")
    commit_plan(world.hub, plan, "Deploy")
    there = world.spaces.tree(SPACE)
    assert {path: there[path] for path in mine} == mine
    assert not {"assets/old.txt", "src/microscope/stale.py", "src/other/module.py"} & set(there)
    assert world.has_the_payload()


def test_a_space_that_had_an_app_of_its_own_keeps_its_files(world: World) -> None:
    world.spaces.commit(SPACE, {"app.py": b"another", "helper.py": b"another"})
    plan = make_plan(world.hub, world.payload())
    assert not plan.first
    assert "app.py" in paths(plan.changed)
    assert (plan.deleted, plan.kept) == ((), ("helper.py",))


def test_what_the_hub_keeps_large_files_by_is_never_deleted(world: World) -> None:
    told = {path: RemoteFile(path, 1, "0" * 40) for path in (".gitattributes", "old.txt")}
    listing = Manifest("1", "d", dict.fromkeys(told, "0"))
    plan = compare(world.payload(), "a" * 40, told, listing)
    assert (paths(plan.deleted), plan.kept) == (["old.txt"], ())


def test_a_manifest_that_cannot_be_read_deletes_nothing(world: World) -> None:
    deployed(world)
    world.spaces.commit(SPACE, {MANIFEST: b"\xff\xfe", "assets/old.txt": b"old"})
    plan = make_plan(world.hub, world.payload())
    assert plan.previous is None
    assert plan.deleted == ()
    assert paths(plan.changed) == [MANIFEST]


def test_the_commit_goes_on_the_head_that_was_planned_for(world: World) -> None:
    plan = make_plan(world.hub, world.payload())
    by_hand = world.spaces.commit(SPACE, {"app.py": b"by hand"})
    with pytest.raises(ConflictError):
        commit_plan(world.hub, plan, "Deploy")
    assert world.head == by_hand


def test_a_plan_is_one_commit_however_many_files(world: World) -> None:
    for number in range(300):
        world.change(f"assets/many/{number}.txt", f"{number}")
    before = len(world.titles)
    deployed(world)
    assert len(world.titles) == before + 1
    assert world.has_the_payload()


def test_the_table_shows_each_path_with_its_bytes_and_what_is_left_alone(world: World) -> None:
    world.change("assets/old.txt", "old")
    deployed(world)
    world.spaces.commit(SPACE, {"notes.md": b"mine"})
    world.change("assets/old.txt", None)
    world.change("assets/new.txt", "newer")
    world.change("app.py", "# changed\n")
    lines = [line.split() for line in table(make_plan(world.hub, world.payload()))]
    assert ["+", "assets/new.txt", "5"] in lines
    assert ["~", "app.py", "10"] in lines
    assert ["-", "assets/old.txt", "3"] in lines
    assert lines[-1][:2] == ["Left", "alone,"]
    assert lines[-1][-1] == "notes.md."
    assert " ".join(lines[-2]).startswith("1 added, 2 changed, 1 deleted, ")


def test_the_real_payload_is_planned_by_its_digests() -> None:
    payload = read_payload(REPOSITORY, "1")
    remote = {MANIFEST: payload.manifest} | {
        file.path: (REPOSITORY / file.path).read_bytes() for file in payload.files
    }
    large = {path for path in remote if path.endswith(".safetensors")}
    assert large
    told = {
        path: RemoteFile(
            path,
            len(content),
            max(digests_of(content), key=len) if path in large else min(digests_of(content), key=len),
        )
        for path, content in remote.items()
    }
    assert compare(payload, "a" * 40, told, None).empty
    others = {path: RemoteFile(path, file.size, "0" * len(file.digest)) for path, file in told.items()}
    plan = compare(payload, "a" * 40, others, None)
    assert len(plan.changed) == len(payload.files) + 1
    assert plan.bytes == payload.size + len(payload.manifest)


def test_a_title_says_version_and_commit() -> None:
    assert title("1.2.0", "abc1234") == "Deploy 1.2.0 (abc1234)"
    assert title("1.2.0", None) == "Deploy 1.2.0"


def test_a_revision_without_a_manifest_has_none(world: World) -> None:
    assert manifest_at(world.hub, world.head) is None
    deployed(world)
    manifest = manifest_at(world.hub, world.head)
    assert manifest is not None
    assert manifest.digest == world.payload().digest


def test_a_space_that_is_not_there_is_a_sentence(world: World) -> None:
    del world.spaces.spaces[SPACE]
    with pytest.raises(UserError, match=SPACE):
        make_plan(world.hub, world.payload())
