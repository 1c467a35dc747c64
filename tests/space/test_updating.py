"""An update carried out on a loopback Hub: one commit, proof, and back where it does not answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.space.errors import ConflictError
from microscope.space.findings import Finding, Status
from microscope.space.proving import Steps
from microscope.space.release import checkout_release
from microscope.space.ship import Outcome, Shipped
from microscope.space.update import Update, plan_update
from microscope.space.updating import carry_out, table
from microscope.space.waiting import Watch
from tests.hub.spaces.loopback_spaces import LoopbackSpaces
from tests.hub.spaces.repository import Told
from tests.space.versions import NEXT, README, SPACE, contents, space_of, version

WELL = (Finding("Answer", Status.OK, "it answers"),)
ILL = (Finding("Answer", Status.FAILED, "it answered “no”", "Roll back."),)


@dataclass
class Scene:
    """A Hub with a duplicate of version 1, and what is asked of it; time passes only in pauses.

    With `ends`, the token is not accepted any more after the first pause.
    """

    hub: LoopbackSpaces
    folder: Path
    told: list[str] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    now: float = 0.0
    ends: bool = False

    def update(self, changed: dict[str, str | None] | None = None) -> Update:
        release = checkout_release(version(self.folder / "new", "2.0.0", {**NEXT, **(changed or {})}, gradio="6.31.0"))
        return plan_update(space_of(self.hub), release)

    def carry_out(self, update: Update, *found: Sequence[Finding], **steps: bool) -> Shipped:
        answers = iter(found)

        def smoke(address: str, number: str, digest: str) -> Sequence[Finding]:
            self.asked.append((address, number, digest))
            return next(answers)

        watch = Watch(clock=lambda: self.now, pause=self.pause, tell=self.told.append)
        return carry_out(space_of(self.hub), update, Steps(smoke=smoke, **steps), watch)

    def pause(self, seconds: float) -> None:
        self.now += seconds
        if self.ends:
            del self.hub.accounts.by_token[self.hub.token]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Serve a Hub with a duplicate of version 1 that runs."""
    with LoopbackSpaces() as hub:
        hub.create(SPACE, contents(version(tmp_path / "old", "1.0.0")))
        yield Scene(hub, tmp_path)


def test_an_update_is_one_commit_that_is_proven_to_answer(scene: Scene) -> None:
    before, update = scene.hub.head(SPACE), scene.update()
    shipped = scene.carry_out(update, WELL)
    assert (shipped.outcome, shipped.status, shipped.version) == (Outcome.DEPLOYED, 0, "2.0.0")
    assert (shipped.previous, shipped.commit) == (before, scene.hub.head(SPACE))
    made = scene.hub.history(SPACE)
    assert made[0].title == "Update to 2.0.0"
    assert made[1].sha == before
    assert [asked[1:] for asked in scene.asked] == [("2.0.0", update.release.digest)]
    held = scene.hub.tree(SPACE)
    assert held["src/microscope/engine.py"] == b"engine = 2\n"
    assert held["models.yaml"] == b"models: {}\n"
    assert "src/microscope/scoring.py" not in held


def test_one_that_does_not_answer_is_taken_back(scene: Scene) -> None:
    before = scene.hub.tree(SPACE)
    shipped = scene.carry_out(scene.update(), ILL, WELL)
    assert (shipped.outcome, shipped.status) == (Outcome.ROLLED_BACK, 5)
    assert scene.hub.tree(SPACE) == before
    assert [asked[1] for asked in scene.asked] == ["2.0.0", "1.0.0"]


def test_one_that_cannot_be_built_is_taken_back(scene: Scene) -> None:
    before = scene.hub.tree(SPACE)
    scene.hub.script(SPACE, "BUILDING", "BUILD_ERROR", once=True)
    shipped = scene.carry_out(scene.update(), WELL)
    assert shipped.outcome is Outcome.ROLLED_BACK
    assert scene.hub.tree(SPACE) == before


def test_one_that_cannot_be_taken_back_is_stuck(scene: Scene) -> None:
    hub = scene.hub
    hub.meanwhile("/commit/", lambda: hub.fail(500, on="/commit/", times=10**6))
    shipped = scene.carry_out(scene.update(), ILL)
    assert (shipped.outcome, shipped.status) == (Outcome.STUCK, 6)
    assert shipped.rolled_back.failure is not None
    assert hub.history(SPACE)[0].title == "Update to 2.0.0"


def test_a_token_that_ends_while_waiting_takes_nothing_back(scene: Scene) -> None:
    scene.hub.script(SPACE, Told("BUILDING", polls=9), "RUNNING")
    scene.ends = True
    with pytest.raises(UserError, match=r"could not be watched; nothing was rolled back"):
        scene.carry_out(scene.update(), WELL)
    assert scene.hub.history(SPACE)[0].title == "Update to 2.0.0"


def test_it_is_left_there_where_that_is_asked(scene: Scene) -> None:
    shipped = scene.carry_out(scene.update(), ILL, rollback=False)
    assert (shipped.outcome, shipped.status) == (Outcome.FAILED, 1)
    assert f"microscope space rollback {SPACE}" in shipped.note
    assert scene.hub.tree(SPACE)["src/microscope/engine.py"] == b"engine = 2\n"


def test_without_waiting_nothing_follows_the_commit(scene: Scene) -> None:
    shipped = scene.carry_out(scene.update(), wait=False)
    assert (shipped.outcome, scene.asked) == (Outcome.COMMITTED, [])
    assert shipped.commit == scene.hub.head(SPACE)


def test_where_nothing_differs_nothing_is_committed(scene: Scene) -> None:
    scene.carry_out(scene.update(), WELL)
    head = scene.hub.head(SPACE)
    shipped = scene.carry_out(scene.update())
    assert (shipped.outcome, shipped.commit, scene.hub.head(SPACE)) == (Outcome.UNCHANGED, head, head)


def test_a_conflict_changes_nothing(scene: Scene) -> None:
    head = scene.hub.commit(SPACE, {"src/microscope/engine.py": b"mine\n"})
    with pytest.raises(UserError, match="Nothing was changed"):
        scene.carry_out(scene.update())
    assert scene.hub.head(SPACE) == head


def test_a_commit_of_somebody_else_meanwhile_changes_nothing(scene: Scene) -> None:
    update = scene.update()
    head = scene.hub.commit(SPACE, {"notes.md": b"meanwhile\n"})
    with pytest.raises(ConflictError):
        scene.carry_out(update)
    assert scene.hub.head(SPACE) == head


def test_a_paused_space_is_left_alone(scene: Scene) -> None:
    scene.hub.now(SPACE, "PAUSED")
    head = scene.hub.head(SPACE)
    with pytest.raises(UserError, match="is paused"):
        scene.carry_out(scene.update())
    assert scene.hub.head(SPACE) == head


def test_a_head_that_the_hub_refuses_is_told_before_anything_is_written(scene: Scene) -> None:
    mine = README.format(gradio="6.30.0", version="mine").replace("colorTo: blue", "colorTo: beige")
    head = scene.hub.commit(SPACE, {"README.md": mine.encode()})
    with pytest.raises(UserError, match=r"The Hub refuses the head of README\.md"):
        scene.carry_out(scene.update())
    assert scene.hub.head(SPACE) == head


def test_the_table_shows_what_becomes_of_each_file(scene: Scene) -> None:
    scene.hub.commit(SPACE, {"src/microscope/engine.py": b"mine\n", "assets/page.css": b"mine\n"})
    lines = list(table(scene.update()))
    assert "! src/microscope/engine.py    changed by both" in lines
    assert "= assets/page.css             changed by you" in lines
    assert "- src/microscope/scoring.py" in lines
    assert "+ src/microscope/lens.py" in lines
    assert lines[-1] == (
        "From 1.0.0 to 2.0.0 (this checkout): 1 to add, 4 to replace, 1 to delete, 1 to keep, 1 to conflict."
    )
