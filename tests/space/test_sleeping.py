"""The Hub is asked when a Space sleeps; what is billed and never sleeps is worth a word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from microscope.hardware import Tier, tier
from microscope.space.findings import Status
from microscope.space.sleeping import Sleep, sleep_finding, sleep_of, spoken
from tests.space.shipping import SPACE, World, world_of


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path) as world:
        yield world


def known(name: str) -> Tier:
    found = tier(name)
    assert found is not None
    return found


@pytest.mark.parametrize(("told", "seconds"), [(3600, 3600), (-1, None), (None, None)])
def test_the_hub_tells_it_without_a_token(world: World, told: int | None, seconds: int | None) -> None:
    world.spaces.space(SPACE).sleep = told
    assert sleep_of(SPACE, HfApi(endpoint=world.spaces.url, token=False)) == Sleep(seconds)


@pytest.mark.parametrize("trouble", ["drop", "fail", "gone"])
def test_where_the_hub_does_not_answer_it_is_not_known(world: World, trouble: str) -> None:
    api = HfApi(endpoint=world.spaces.url, token=False)
    if trouble == "drop":
        world.spaces.drop(on="/runtime")
    elif trouble == "fail":
        world.spaces.fail(503, on="/runtime", times=9)
    assert sleep_of("owner/nothing" if trouble == "gone" else SPACE, api) == Sleep(known=False)


@pytest.mark.parametrize(
    ("name", "sleep", "status", "says"),
    [
        ("cpu-basic", Sleep(172_800), Status.OK, "48 hours"),
        ("zero-a10g", Sleep(), Status.OK, "costs you nothing"),
        ("zero-a10g", Sleep(172_800), Status.OK, "After 2 days"),
        ("t4-small", Sleep(3600), Status.OK, "After 1 hour without"),
        ("t4-small", Sleep(), Status.WARNING, "$0.40 an hour"),
        ("t4-small", Sleep(known=False), Status.SKIPPED, "could not be asked"),
        ("zero-a10g", Sleep(known=False), Status.SKIPPED, "could not be asked"),
        # Hardware newer than the table of prices.
        ("local-cuda", Sleep(), Status.WARNING, "price is not known here"),
        ("local-cuda", Sleep(known=False), Status.SKIPPED, "could not be asked"),
    ],
)
def test_what_never_sleeps_and_is_billed_is_worth_a_word(name: str, sleep: Sleep, status: Status, says: str) -> None:
    found = sleep_finding(SPACE, known(name), sleep)
    assert found.status is status
    assert says in found.detail
    told = status is Status.WARNING or (name != "zero-a10g" and not sleep.known)
    assert found.value == (f"hf spaces settings {SPACE} --sleep-time 3600" if told else "")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(60, "1 minute"), (5400, "90 minutes"), (7200, "2 hours"), (86_400, "1 day"), (61, "61 seconds")],
)
def test_times_are_said_as_people_do(seconds: int, said: str) -> None:
    assert spoken(seconds) == said
