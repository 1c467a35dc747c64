"""What a Space has beside its files, brought to what is wanted: only what differs, each change told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import Volume

from microscope.errors import UserError
from microscope.space.configure import Wanted, apply, hardware_line, hardware_remark, plan_configuration, price_of
from microscope.space.errors import RefusedError
from microscope.space.hub import Runtime
from microscope.space.names import Bucket
from tests.space.shipping import SPACE, World, world_of

BUCKET = Bucket("owner/store", "/data")
SECRET = "value-of-nobody"  # noqa: S105  # nobody's


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return a Space on t4-small with a variable, a secret and a mounted model."""
    with world_of(tmp_path) as world:
        space = world.spaces.space(SPACE)
        space.hardware = space.requested = "t4-small"
        space.sleep = 3600
        space.variables = {"MICROSCOPE_PRESET": "t4-small"}
        space.secrets = {"HF_TOKEN": "old"}
        space.volumes = [{"type": "model", "source": "org/model", "mountPath": "/models", "readOnly": True}]
        yield world


def changed(world: World, wanted: Wanted) -> list[str]:
    """Make the changes, and return what was said; a second time there is nothing but secrets to change."""
    world.lines.clear()
    apply(plan_configuration(world.hub, wanted), world.lines.append)
    said = [*world.lines]
    again = [step.said for step in plan_configuration(world.hub, wanted) if step.make is not None]
    assert [line for line in again if not line.startswith("secret")] == []
    return said


def writes(world: World) -> int:
    return sum(request.method in ("POST", "PUT", "DELETE") for request in world.spaces.requests)


def test_what_is_as_wanted_is_not_touched(world: World) -> None:
    before = writes(world)
    assert changed(world, Wanted()) == []
    same = Wanted(hardware="t4-small", sleep_seconds=3600, variables={"MICROSCOPE_PRESET": "t4-small"})
    assert changed(world, same) == []
    assert writes(world) == before


def test_variables_are_set_where_they_differ(world: World) -> None:
    said = changed(world, Wanted(variables={"MICROSCOPE_PRESET": "cpu-basic", "MICROSCOPE_MODELS": "a/b"}))
    assert said == ["variable MICROSCOPE_PRESET: cpu-basic (was t4-small)", "variable MICROSCOPE_MODELS: a/b"]
    assert world.spaces.space(SPACE).variables == {"MICROSCOPE_PRESET": "cpu-basic", "MICROSCOPE_MODELS": "a/b"}


def test_a_secret_is_set_and_its_value_is_told_nowhere(world: World) -> None:
    wanted = Wanted(secrets={"HF_TOKEN": SECRET, "NEW": SECRET})
    said = changed(world, wanted)
    assert said == ["secret HF_TOKEN: replaced, for its value cannot be compared", "secret NEW: set"]
    assert world.spaces.space(SPACE).secrets == {"HF_TOKEN": SECRET, "NEW": SECRET}
    assert SECRET not in f"{said} {wanted} {plan_configuration(world.hub, wanted)}"


def test_a_secret_that_the_hub_refuses_is_told_nowhere_either(world: World) -> None:
    world.spaces.fail(400, on="/secrets", method="POST", message=f"no value {SECRET} please")
    with pytest.raises(UserError) as refused:
        apply(plan_configuration(world.hub, Wanted(secrets={"NEW": SECRET})), world.lines.append)
    assert SECRET not in str(refused.value) + " ".join(world.lines)


def test_hardware_and_sleep_are_asked_for_together_and_priced(world: World) -> None:
    said = changed(world, Wanted(hardware="l4x1", sleep_seconds=600))
    assert said == [
        "hardware l4x1 (was t4-small), $0.80 an hour while it runs, asleep after 600 seconds without a visitor"
    ]
    assert (world.spaces.space(SPACE).requested, world.spaces.space(SPACE).sleep) == ("l4x1", 600)
    assert world.spaces.count("POST", "/sleeptime") == 0
    assert changed(world, Wanted(sleep_seconds=-1)) == ["sleep: after never (was 600 seconds without a visitor)"]
    assert changed(world, Wanted(hardware="zero-a10g")) == ["hardware zero-a10g (was l4x1), free"]


def test_hardware_that_has_its_own_time_to_sleep_is_given_none(world: World) -> None:
    before = writes(world)
    with pytest.raises(UserError, match="omit --sleep"):
        plan_configuration(world.hub, Wanted(hardware="cpu-basic", sleep_seconds=60, variables={"A": "1"}))
    assert writes(world) == before


def test_a_bucket_is_mounted_beside_what_is_mounted_and_keeps_the_answers(world: World) -> None:
    said = changed(world, Wanted(bucket=BUCKET))
    assert said == [
        "variable MICROSCOPE_DATA: /data",
        "bucket owner/store: mounted at /data, to be read and written",
    ]
    volumes = world.hub.volumes()
    assert [(v.type, v.source, v.mount_path, v.read_only) for v in volumes] == [
        ("model", "org/model", "/models", True),
        ("bucket", "owner/store", "/data", False),
    ]
    assert world.spaces.space(SPACE).variables["MICROSCOPE_DATA"] == "/data"


def test_what_was_mounted_there_is_replaced_and_told(world: World) -> None:
    world.hub.set_volumes([Volume(type="bucket", source="owner/store", mount_path="/data", read_only=True)])
    said = changed(world, Wanted(bucket=BUCKET))
    assert said[-1].endswith("to be read and written (instead of bucket owner/store)")
    assert [volume.read_only for volume in world.hub.volumes()] == [False]


@pytest.mark.parametrize(("where", "notes"), [("/data/answers", 0), ("/data", 0), ("/elsewhere", 1), ("/database", 1)])
def test_a_folder_that_is_set_already_stays_and_one_outside_the_bucket_is_told(
    world: World, where: str, notes: int
) -> None:
    world.spaces.space(SPACE).variables["MICROSCOPE_DATA"] = where
    said = changed(world, Wanted(bucket=BUCKET))
    assert world.spaces.space(SPACE).variables["MICROSCOPE_DATA"] == where
    assert len([line for line in said if line.startswith(f"note: MICROSCOPE_DATA stays {where}")]) == notes
    assert len(said) == notes + 1


def test_a_variable_given_with_the_bucket_wins(world: World) -> None:
    changed(world, Wanted(variables={"MICROSCOPE_DATA": "/data/mine"}, bucket=BUCKET))
    assert world.spaces.space(SPACE).variables["MICROSCOPE_DATA"] == "/data/mine"


def test_a_dry_run_says_the_same_and_changes_nothing(world: World) -> None:
    wanted = Wanted("l4x1", 600, {"A": "1"}, {"NEW": SECRET}, BUCKET)
    before = writes(world)
    assert apply(plan_configuration(world.hub, wanted), world.lines.append, dry=True) == len(world.lines) == 5
    dry = [*world.lines]
    assert writes(world) == before
    assert changed(world, wanted) == dry
    assert dry[-1].startswith("hardware")


def test_who_may_not_is_told(world: World) -> None:
    world.token = world.spaces.reader
    with pytest.raises(RefusedError, match="role write"):
        apply(plan_configuration(world.hub, Wanted(hardware="l4x1")), world.lines.append)


def test_a_token_that_somebody_put_into_a_variable_is_not_repeated(world: World) -> None:
    token = "hf_" + "d" * 34
    world.spaces.space(SPACE).variables["MINE"] = token
    assert changed(world, Wanted(variables={"MINE": "1"})) == ["variable MINE: 1 (was [a token])"]


def test_the_readme_s_hardware_is_held_against_the_space_s() -> None:
    has = Runtime("RUNNING", None, "cpu-basic", "t4-small", None)
    assert hardware_line(SPACE, "t4-small", has) == "Hardware: t4-small, as the head of README.md suggests."
    assert "suggests none" in hardware_line(SPACE, None, has)
    assert f"microscope space configure {SPACE} --hardware l4x1" in hardware_line(SPACE, "l4x1", has)
    assert hardware_remark(SPACE, "t4-small", has) == hardware_remark(SPACE, None, has) == ()
    assert hardware_remark(SPACE, "l4x1", has) == (hardware_line(SPACE, "l4x1", has),)
    assert price_of("cpu-basic") == "free"
