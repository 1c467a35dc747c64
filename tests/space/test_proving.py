"""How a Space is asked whether what answers is what was deployed, and works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.space.findings import Finding, Status
from microscope.space.payload import Manifest
from microscope.space.proving import Trial, proof_of, put_to_test
from tests.space.shipping import SPACE, World, world_of

ADDRESS = "http://127.0.0.1:9"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path) as world:
        world.spaces.host(SPACE, ADDRESS)
        yield world


@pytest.mark.parametrize(("told", "proven"), [("new", True), ("old", False), (None, None)])
def test_a_digest_that_answers_is_a_proof_and_silence_is_none(
    world: World, told: str | None, *, proven: bool | None
) -> None:
    asked: list[str] = []

    def digest_at(address: str) -> str | None:
        asked.append(address)
        return told

    proof = proof_of(world.hub, digest_at, "new", Manifest("1", "old", {}))
    assert proof is not None
    assert proof() is proven
    assert asked == [ADDRESS]


def test_a_digest_that_was_there_before_proves_nothing(world: World) -> None:
    assert proof_of(world.hub, lambda _: "new", "new", Manifest("1", "new", {})) is None
    assert proof_of(world.hub, None, "new", None) is None


def test_what_failed_is_told_with_the_end_of_the_log(world: World) -> None:
    world.spaces.say(SPACE, "run", "serving")
    bad = (Finding("Page", Status.OK, "it is there"), Finding("Answer", Status.FAILED, "it says nothing."))
    tested = put_to_test(world.hub, ADDRESS, lambda *_: bad, "1", "d")
    assert tested.findings == bad
    assert tested.failure is not None
    assert tested.failure.sentence == f"{SPACE} runs and does not work: Answer: it says nothing."
    assert tested.failure.log == ("serving",)


def test_a_warning_is_no_failure_and_no_test_finds_nothing(world: World) -> None:
    warned = (Finding("Answer", Status.WARNING, "no GPU was lent"),)
    assert put_to_test(world.hub, ADDRESS, lambda *_: warned, "1", "d") == Trial(warned)
    assert put_to_test(world.hub, ADDRESS, None, "1", "d") == Trial()


def test_a_test_that_cannot_be_made_is_a_failure(world: World) -> None:
    def smoke(address: str, version: str, digest: str) -> Sequence[Finding]:
        raise UserError("No picture to ask about.")

    tested = put_to_test(world.hub, ADDRESS, smoke, "1", "d")
    assert tested.failure is not None
    assert tested.failure.sentence == f"{SPACE} runs and could not be tested: No picture to ask about."
