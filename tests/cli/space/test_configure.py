"""`microscope space configure`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from microscope.cli.space import configure
from tests.cli.space.around import run
from tests.space.shipping import SPACE, World, world_of

SECRET = "value-of-nobody"  # noqa: S105  # nobody's


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path) as world:
        world.spaces.space(SPACE).requested = "cpu-basic"
        yield world


def test_everything_at_once_and_then_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", SECRET)
    flags = ["--variable", "MICROSCOPE_MODELS=a/b, c/d", "--secret", "WANDB_API_KEY", "--bucket", "owner/b:/data"]
    found = run(world, configure, ["configure", SPACE, *flags])
    space = world.spaces.space(SPACE)
    assert found.status == 0
    assert space.requested == "zero-a10g"
    assert space.variables == {"MICROSCOPE_MODELS": "a/b, c/d", "MICROSCOPE_DATA": "/data"}
    assert space.secrets == {"WANDB_API_KEY": SECRET}
    assert found.out.splitlines() == [
        "variable MICROSCOPE_MODELS: a/b, c/d",
        "variable MICROSCOPE_DATA: /data",
        "secret WANDB_API_KEY: set",
        "bucket owner/b: mounted at /data, to be read and written",
        "hardware zero-a10g (was cpu-basic), free",
        f"5 changes made on {SPACE}.",
    ]
    assert SECRET not in found.out + found.err
    assert run(world, configure, ["configure", SPACE, *flags[:2]]).out == f"Nothing to change on {SPACE}.\n"


def test_a_dry_run_changes_nothing(world: World) -> None:
    found = run(world, configure, ["configure", SPACE, "--dry-run", "--hardware", "l4x1", "--sleep", "60"])
    assert found.status == 0
    assert found.out.splitlines()[-1] == f"1 change to make on {SPACE}; none was made, for this was a dry run."
    assert world.spaces.space(SPACE).requested == "cpu-basic"


@pytest.mark.parametrize(
    ("flags", "advice"),
    [
        (["--secret", "NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE is not set"),
        (["--secret", f"A={SECRET}"], "by its name alone"),
        (["--variable", f"HF_TOKEN={SECRET}"], "--secret HF_TOKEN"),
        (["--variable", "MICROSCOPE_QUEUE_SIZE=0"], "MICROSCOPE_QUEUE_SIZE"),
        (["--hardware", "h100"], "choose one of"),
        (["--bucket", "owner/b"], "owner/bucket:/data"),
        (["--sleep", "soon"], "seconds"),
    ],
)
def test_mistakes_are_told_before_anything_is_changed(world: World, flags: list[str], advice: str) -> None:
    found = run(world, configure, ["configure", SPACE, "--variable", "A=1", *flags])
    assert (found.status, found.out) == (1, "")
    assert advice in found.err
    assert SECRET not in found.err
    assert world.spaces.space(SPACE).variables == {}
