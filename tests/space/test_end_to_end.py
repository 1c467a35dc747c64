"""From the real files of this project to an app that answers, and back: one Hub on loopback, the rest as it is.

The Hub stand-in starts the real `app.py` of every commit that is to run, in a process of its own, as a Space does.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from microscope import __version__
from microscope.settings import REPOSITORY
from microscope.space.asking import KNOWN
from microscope.space.findings import Finding, Status
from microscope.space.hub import Patience, SpaceHub
from microscope.space.payload import Payload, read_payload
from microscope.space.proving import Steps
from microscope.space.ship import Outcome, Shipped, ship
from microscope.space.smoke import ANSWER, Expected, Limits, smoke
from microscope.space.waiting import Watch
from tests.hub.spaces.loopback_spaces import LoopbackSpaces
from tests.space.platforms import Platform

SPACE = "owner/microscope"
BROKEN = "99.0.0"
CHECKPOINTS = "assets/checkpoints"
# With all the cores of a small machine taken by other tests.
PATIENT = Limits(begin=120, between=0.2)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """Stop in the end whatever runs."""
    platform = Platform(tmp_path / "platform")
    yield platform
    platform.stop()


def broken(folder: Path, payload: Payload) -> Payload:
    """Return a later version in which one checkpoint has the weights of another, as a slip of the hand leaves them."""
    for file in payload.files:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(payload.root / file.path, folder / file.path)
    module = folder / "src/microscope/__init__.py"
    module.write_text(module.read_text(encoding="utf-8").replace(__version__, BROKEN), encoding="utf-8")
    weights = f"{CHECKPOINTS}/{{}}/model.safetensors"
    shutil.copyfile(folder / weights.format("scenes-step-100"), folder / weights.format(KNOWN.checkpoint))
    return read_payload(folder, BROKEN)


def answer(findings: Sequence[Finding]) -> Finding:
    return next(finding for finding in findings if finding.subject == ANSWER)


def test_a_version_that_works_is_deployed_and_one_that_does_not_is_taken_back(
    platform: Platform, tmp_path: Path
) -> None:
    def test(address: str, version: str, digest: str) -> Sequence[Finding]:
        return smoke(address, Expected(version, digest), limits=PATIENT)

    def deploy(payload: Payload) -> Shipped:
        # The stages are told without waiting; only the app itself takes time.
        watch = Watch(pause=lambda _: None)
        return ship(hub, payload, f"Deploy {payload.version}", Steps(smoke=test), watch)

    with LoopbackSpaces() as loopback:
        loopback.create(SPACE)
        loopback.on_running = platform.run
        hub = SpaceHub(SPACE, endpoint=loopback.url, token=loopback.token, patience=Patience(sleep=lambda _: None))
        payload = read_payload(REPOSITORY, __version__)
        first = deploy(payload)
        assert first.outcome is Outcome.DEPLOYED, first
        assert [finding.status for finding in first.tested.findings] == [Status.OK] * 3
        assert KNOWN.answer in answer(first.tested.findings).detail

        second = deploy(broken(tmp_path / "broken", payload))
        assert second.outcome is Outcome.ROLLED_BACK, second
        assert [finding.status for finding in second.tested.findings] == [Status.OK, Status.OK, Status.FAILED]
        assert "scenes-step-6000 answered" in answer(second.tested.findings).detail
        # What is back is the first version to the byte, and it was asked as well.
        assert loopback.tree(SPACE) == loopback.tree(SPACE, first.commit)
        assert [finding.status for finding in second.rolled_back.findings] == [Status.OK] * 3
        told = httpx.get(f"{hub.host}/health").json()
        assert (told["version"], told["digest"], told["tier"]) == (__version__, payload.digest, "cpu-basic")
        assert platform.starts == [first.commit, second.commit, second.rollback]
