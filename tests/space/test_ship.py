"""From a payload to a Space that is proven to answer, and back; through the real client and a loopback Hub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.space.errors import ConflictError, RefusedError, UnreachableError
from microscope.space.findings import Finding, Status
from microscope.space.hub import SpaceHub
from microscope.space.payload import MANIFEST
from microscope.space.ship import Outcome, Shipped, ship
from microscope.space.waiting import OvertakenError
from tests.hub.spaces.accounts import Account
from tests.hub.spaces.repository import Told
from tests.space.shipping import SPACE, WEIGHTS, World, world_of


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path) as world:
        yield world


@pytest.fixture
def live(world: World) -> World:
    """Return a Space on which version 1.0.0 runs, and a project that has moved on to 2.0.0."""
    assert world.ship("1.0.0").outcome is Outcome.DEPLOYED
    world.change("app.py", "# the second\n")
    world.change("assets/new.txt", "new")
    (world.root / WEIGHTS).write_bytes(b"other weights")
    world.lines.clear()
    return world


def sentence(shipped: Shipped) -> str:
    assert shipped.tested.failure is not None
    return shipped.tested.failure.sentence


def test_a_first_deploy_runs_and_is_tested(world: World) -> None:
    shipped = world.ship("1.0.0")
    assert (shipped.outcome, shipped.status) == (Outcome.DEPLOYED, 0)
    assert world.has_the_payload("1.0.0")
    assert shipped.commit == world.head
    assert world.titles == ["Deploy 1.0.0", "initial commit"]
    assert world.visits.seen == [(shipped.address, "1.0.0", world.payload("1.0.0").digest)]
    assert shipped.address == "https://owner-microscope.hf.space"
    assert [finding.subject for finding in shipped.tested.findings] == ["Answer"]


def test_a_second_deploy_changes_what_differs_in_one_commit(live: World) -> None:
    previous = live.head
    shipped = live.ship("2.0.0")
    assert shipped.outcome is Outcome.DEPLOYED
    assert (shipped.previous, shipped.commit) == (previous, live.head)
    assert live.has_the_payload("2.0.0")
    assert live.titles[:2] == ["Deploy 2.0.0", "Deploy 1.0.0"]


def test_an_unchanged_deploy_makes_no_commit_and_is_tested_all_the_same(world: World) -> None:
    world.ship("1.0.0")
    before = world.titles
    shipped = world.ship("1.0.0")
    assert (shipped.outcome, shipped.status) == (Outcome.UNCHANGED, 0)
    assert world.titles == before
    assert len(world.visits.seen) == 2
    assert any("nothing to deploy" in line for line in world.lines)


def test_an_unchanged_deploy_that_does_not_work_is_no_success_and_rolls_nothing_back(world: World) -> None:
    world.ship("1.0.0")
    before = world.titles
    world.visits.wrong = frozenset({"1.0.0"})
    shipped = world.ship("1.0.0")
    assert (shipped.outcome, shipped.status) == (Outcome.FAILED, 1)
    assert "nothing was rolled back" in shipped.note
    world.spaces.say(SPACE, "run", "Memory limit exceeded (16Gi)")
    world.spaces.now(SPACE, "RUNTIME_ERROR")
    assert "Memory limit exceeded" in sentence(world.ship("1.0.0"))
    assert world.titles == before


def test_an_unchanged_deploy_of_a_space_that_sleeps_is_tested_awake(world: World) -> None:
    world.ship("1.0.0")
    world.spaces.now(SPACE, "STOPPED")
    world.spaces.script(SPACE, "APP_STARTING", "RUNNING", once=True)
    world.lines.clear()
    assert world.ship("1.0.0").outcome is Outcome.UNCHANGED
    assert world.spaces.count("POST", "/restart") == 1
    assert world.lines[-1] == f"{SPACE} runs."


def test_an_unchanged_deploy_that_is_not_yet_built_is_waited_for(world: World) -> None:
    world.ship("1.0.0")
    old = Told("RUNNING", sha="old", polls=3)
    world.spaces.script(SPACE, old, Told("RUNNING_BUILDING", sha="old"), "RUNNING", once=True)
    made = world.spaces.commit(SPACE, {"notes.md": b"the owner's own"})
    running: list[str | None] = []

    def smoke(*_: str) -> tuple[Finding, ...]:
        running.append(world.hub.runtime().sha)
        return (Finding("Answer", Status.OK, "it answers"),)

    shipped = world.ship("1.0.0", replace(world.steps, smoke=smoke))
    assert (shipped.outcome, shipped.commit) == (Outcome.UNCHANGED, made)
    assert running == [made]
    world.spaces.script(SPACE, replace(old, polls=10**6), once=True)
    world.spaces.commit(SPACE, {"notes.md": b"again"})
    shipped = world.ship("1.0.0")
    assert (shipped.outcome, shipped.rollback) == (Outcome.FAILED, None)
    assert f"still runs commit {made[:7]} after 10 minutes" in sentence(shipped)


def test_a_keyless_token_deploys(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.spaces.trust(SPACE)
    for name, value in world.spaces.keyless(SPACE).items():
        monkeypatch.setenv(name, value)
    hub = SpaceHub(SPACE, patience=world.patience)
    shipped = ship(hub, world.payload(), "Deploy 1.0.0", world.steps, world.watch)
    assert shipped.outcome is Outcome.DEPLOYED
    assert world.has_the_payload()
    assert world.spaces.count("POST", "/oauth/token") == 1
    assert world.spaces.history(SPACE)[0].author == "[OIDC]"


@pytest.mark.parametrize(
    ("token", "advice"),
    [("hf_nobodys", "not accept the token: set HF_TOKEN"), ("reads", "with the role write"), ("other", "role write")],
)
def test_who_may_not_is_told_what_to_do_and_nothing_is_changed(world: World, token: str, advice: str) -> None:
    world.spaces.admit("reads", Account("owner", "read"))
    world.spaces.admit("other", Account("somebody"))
    before, world.token = world.head, token
    with pytest.raises(RefusedError, match=advice) as refused:
        world.ship("1.0.0")
    assert world.head == before
    assert token not in str(refused.value) or len(token) < 6


def test_a_keyless_token_of_another_space_is_told_apart(world: World) -> None:
    world.spaces.admit("hf_jwt_other", Account("[OIDC]", "files", only="owner/another"))
    world.token = "hf_jwt_other"  # noqa: S105  # nobody's
    with pytest.raises(RefusedError, match=f"HF_OIDC_RESOURCE to spaces/{SPACE}"):
        world.ship("1.0.0")


def test_a_commit_that_came_first_is_a_conflict(live: World) -> None:
    live.spaces.meanwhile("/preupload/", lambda: live.spaces.commit(SPACE, {"app.py": b"by hand"}))
    with pytest.raises(ConflictError, match="run the command again"):
        live.ship("2.0.0")
    assert live.titles[0] == "by hand"
    assert live.spaces.tree(SPACE)["app.py"] == b"by hand"


def test_too_many_requests_and_trouble_of_the_hub_are_outlasted(live: World) -> None:
    for path in ("/preupload/", "/commit/", "/tree/", "/runtime"):
        live.spaces.fail(429, on=path, headers={"Retry-After": "3"})
        live.spaces.fail(500, on=path)
    assert live.ship("2.0.0").outcome is Outcome.DEPLOYED
    assert live.titles[:2] == ["Deploy 2.0.0", "Deploy 1.0.0"]


def test_a_hub_that_stays_in_trouble_leaves_the_space_as_it_was(live: World) -> None:
    before = live.head
    live.spaces.fail(500, on="/commit/", times=10**6)
    with pytest.raises(UnreachableError):
        live.ship("2.0.0")
    live.spaces.recover()
    assert live.head == before


@pytest.mark.parametrize("applied", [False, True])
def test_a_connection_that_drops_leads_to_one_whole_commit(live: World, *, applied: bool) -> None:
    live.spaces.drop("/commit/", applied=applied)
    shipped = live.ship("2.0.0")
    assert shipped.outcome is Outcome.DEPLOYED
    assert shipped.commit == live.head
    assert live.titles == ["Deploy 2.0.0", "Deploy 1.0.0", "initial commit"]
    assert live.has_the_payload("2.0.0")


def test_a_failed_build_is_rolled_back_to_the_very_files(live: World) -> None:
    previous = live.head
    live.spaces.script(SPACE, "BUILDING", "BUILD_ERROR", once=True)
    live.spaces.meanwhile(
        "/logs/build", lambda: live.spaces.meanwhile("/logs/build", lambda: live.spaces.say(SPACE, "build", *BUILD))
    )
    shipped = live.ship("2.0.0")
    assert (shipped.outcome, shipped.status) == (Outcome.ROLLED_BACK, 5)
    assert "No matching distribution found for torhc" in sentence(shipped)
    assert shipped.tested.failure is not None
    assert shipped.tested.failure.log == BUILD
    assert live.digests() == live.digests(previous)
    assert (shipped.previous, shipped.rollback) == (previous, live.head)
    assert live.titles[:2] == [f"Roll back to {previous}", "Deploy 2.0.0"]
    assert [version for _, version, _ in live.visits.seen] == ["1.0.0", "1.0.0"]


BUILD = ("Collecting torhc", "ERROR: No matching distribution found for torhc")


def test_an_old_state_does_not_pass_for_a_deploy(live: World) -> None:
    old = Told("RUNNING", sha="old", polls=2)
    live.spaces.script(SPACE, old, Told("RUNNING_BUILDING", sha="old"), "BUILD_ERROR", once=True)
    assert live.ship("2.0.0").outcome is Outcome.ROLLED_BACK
    silent = Told("RUNNING", sha="none")
    live.spaces.script(SPACE, replace(silent, polls=4), Told("BUILDING", sha="none"), silent, once=True)
    pauses = live.clock.pauses
    assert live.ship("2.0.0").outcome is Outcome.DEPLOYED
    assert live.clock.pauses == pauses + 5


def test_the_app_s_own_digest_proves_it_where_the_hub_tells_no_commit(live: World) -> None:
    live.spaces.script(SPACE, Told("RUNNING", sha="none"), once=True)
    digests = ["old", None, live.payload("2.0.0").digest]
    steps = replace(live.steps, digest_at=lambda _address: digests.pop(0))
    assert live.ship("2.0.0", steps).outcome is Outcome.DEPLOYED
    assert digests == []


def test_an_app_that_does_not_work_is_rolled_back_to_the_very_files(live: World) -> None:
    previous = live.head
    live.spaces.commit(SPACE, {"notes.md": b"the owner's own"})
    previous = live.head
    live.visits.wrong = frozenset({"2.0.0"})
    shipped = live.ship("2.0.0")
    assert (shipped.outcome, shipped.status) == (Outcome.ROLLED_BACK, 5)
    assert sentence(shipped) == f"{SPACE} runs and does not work: Answer: it says nothing."
    assert live.digests() == live.digests(previous)
    assert live.visits.seen[-1][1] == "1.0.0"
    assert shipped.rolled_back.failure is None


def test_a_hub_that_fails_once_it_runs_does_not_spoil_a_good_deploy(live: World) -> None:
    def tell(line: str) -> None:
        if line == f"{SPACE} runs.":
            live.spaces.fail(500, times=10**6)

    shipped = live.ship("2.0.0", watch=replace(live.watch, tell=tell))
    live.spaces.recover()
    assert shipped.outcome is Outcome.DEPLOYED
    assert live.visits.seen[-1] == (shipped.address, "2.0.0", live.payload("2.0.0").digest)
    assert live.titles[0] == "Deploy 2.0.0"


def test_a_first_deploy_has_nothing_to_go_back_to(world: World) -> None:
    world.visits.wrong = frozenset({"1.0.0"})
    shipped = world.ship("1.0.0")
    assert (shipped.outcome, shipped.status, shipped.rollback) == (Outcome.FAILED, 1, None)
    assert "nothing to go back to" in shipped.note
    assert world.titles[0] == "Deploy 1.0.0"


def test_without_rollback_it_is_left_there_and_said_how_to_go_back(live: World) -> None:
    previous = live.head
    live.visits.wrong = frozenset({"2.0.0"})
    shipped = live.ship("2.0.0", replace(live.steps, rollback=False))
    assert (shipped.outcome, shipped.status) == (Outcome.FAILED, 1)
    assert f"microscope space rollback {SPACE} goes back to {previous[:7]}" in shipped.note
    assert live.has_the_payload("2.0.0")


def test_a_rollback_that_does_not_run_has_both_logs(live: World) -> None:
    previous = live.head
    live.spaces.script(SPACE, "BUILDING", Told("BUILD_ERROR", error="the first"), once=True)
    live.spaces.script(SPACE, "BUILDING", "APP_STARTING", Told("RUNTIME_ERROR", error="the second"), once=True)
    live.spaces.say(SPACE, "build", "a build")
    live.spaces.say(SPACE, "run", "a run")
    shipped = live.ship("2.0.0")
    assert (shipped.outcome, shipped.status) == (Outcome.STUCK, 6)
    first, second = shipped.tested.failure, shipped.rolled_back.failure
    assert first is not None
    assert second is not None
    assert ("the first" in first.sentence, first.log) == (True, ("a build",))
    assert ("the second" in second.sentence, second.log) == (True, ("a run",))
    assert live.digests() == live.digests(previous)
    assert shipped.rollback == live.head


def test_a_rollback_that_does_not_work_or_cannot_be_made_is_stuck(live: World) -> None:
    live.visits.wrong = frozenset({"1.0.0", "2.0.0"})
    assert live.ship("2.0.0").status == 6
    live.visits.wrong = frozenset({"2.0.0"})
    live.spaces.meanwhile("/commit/", lambda: live.spaces.fail(500, on="/commit/", times=10**6))
    live.change("app.py", "# the third\n")
    shipped = live.ship("2.0.0")
    assert (shipped.status, shipped.rollback) == (6, None)
    assert shipped.rolled_back.failure is not None
    assert "trouble of its own" in shipped.rolled_back.failure.sentence


def test_a_rollback_that_was_made_and_cannot_be_compared_is_told_as_made(live: World) -> None:
    previous = live.head

    def smoke(*_: str) -> tuple[Finding, ...]:
        live.spaces.meanwhile("/commit/", lambda: live.spaces.fail(403, on="/tree/", times=10**6))
        return (Finding("Answer", Status.FAILED, "nothing"),)

    shipped = live.ship("2.0.0", replace(live.steps, smoke=smoke))
    assert shipped.outcome is Outcome.STUCK
    assert shipped.rollback == live.head
    assert live.digests() == live.digests(previous)


def test_a_time_out_is_rolled_back(live: World) -> None:
    previous = live.head
    live.spaces.script(SPACE, "BUILDING", once=True)
    shipped = live.ship("2.0.0")
    assert shipped.outcome is Outcome.ROLLED_BACK
    assert "still at BUILDING after 10 minutes" in sentence(shipped)
    assert live.digests() == live.digests(previous)


def test_somebody_else_s_commit_while_waiting_is_theirs(live: World) -> None:
    live.spaces.script(SPACE, Told("BUILDING", polls=9), "RUNNING")
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        live.spaces.commit(SPACE, {"app.py": b"theirs"}, message="theirs")

    with pytest.raises(OvertakenError, match="another deploy took over"):
        live.ship("2.0.0", watch=replace(live.watch, pause=pause))
    assert live.titles[:2] == ["theirs", "Deploy 2.0.0"]
    assert len(pauses) == 1


def test_somebody_else_s_commit_before_the_rollback_is_theirs(live: World) -> None:
    def smoke(address: str, version: str, digest: str) -> tuple[Finding, ...]:
        live.spaces.commit(SPACE, {"app.py": b"theirs"}, message="theirs")
        return (Finding("Answer", Status.FAILED, "nothing"),)

    with pytest.raises(OvertakenError, match="before it was rolled back"):
        live.ship("2.0.0", replace(live.steps, smoke=smoke))
    assert live.titles[:2] == ["theirs", "Deploy 2.0.0"]


def test_an_earlier_deploy_is_waited_for_before_anything_is_planned(live: World) -> None:
    live.spaces.script(SPACE, Told("BUILDING", polls=3), "RUNNING", once=True)
    earlier = live.spaces.commit(SPACE, {"app.py": b"earlier"}, message="earlier")
    shipped = live.ship("2.0.0")
    assert (shipped.outcome, shipped.previous) == (Outcome.DEPLOYED, earlier)
    assert live.lines[0].endswith("waiting until it is done.")


def test_an_earlier_deploy_that_rolls_back_meanwhile_is_planned_upon(live: World) -> None:
    live.spaces.script(SPACE, "BUILDING", Told("BUILD_ERROR"), once=True)
    live.spaces.script(SPACE, "BUILDING", "RUNNING", once=True)
    live.spaces.commit(SPACE, {"app.py": b"earlier"}, message="earlier")
    back: list[str] = []

    def pause(seconds: float) -> None:
        if not back:
            back.append(live.spaces.commit(SPACE, {"app.py": b"before"}, message="earlier goes back"))

    shipped = live.ship("2.0.0", watch=replace(live.watch, pause=pause))
    assert (shipped.outcome, [shipped.previous]) == (Outcome.DEPLOYED, back)


def test_a_paused_space_is_given_nothing_that_nobody_could_see_run(live: World) -> None:
    live.spaces.now(SPACE, "PAUSED")
    before = live.head
    with pytest.raises(UserError, match="is paused"):
        live.ship("2.0.0")
    assert live.head == before
    shipped = live.ship("2.0.0", replace(live.steps, wait=False))
    assert (shipped.outcome, shipped.status) == (Outcome.COMMITTED, 0)


def test_a_copy_that_is_not_ready_is_not_deployed(live: World) -> None:
    before, asked = live.head, len(live.spaces.requests)
    failed = (
        Finding("Licence", Status.WARNING, "none"),
        Finding("Build", Status.FAILED, "pip finds no torhc", "Correct it."),
    )
    with pytest.raises(UserError, match=r"nothing was changed\. Build: pip finds no torhc\. Correct it\.$"):
        live.ship("2.0.0", replace(live.steps, preflight=lambda: failed))
    assert (live.head, len(live.spaces.requests)) == (before, asked)
    assert live.ship("2.0.0", replace(live.steps, preflight=lambda: failed[:1])).status == 0


def test_a_head_of_the_readme_that_the_hub_refuses_is_not_uploaded(live: World) -> None:
    live.change("README.md", "---\ntitle: a\nsdk: gradioo\ncolorFrom: mauve\n---\n")
    before = live.head
    with pytest.raises(UserError, match=r"README\.md"):
        live.ship("2.0.0")
    assert live.head == before


def test_a_token_that_ends_while_waiting_rolls_nothing_back(live: World) -> None:
    live.spaces.script(SPACE, Told("BUILDING", polls=9), "RUNNING")
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        del live.spaces.accounts.by_token[live.spaces.token]

    with pytest.raises(UserError, match=r"could not be watched; nothing was rolled back\. The Hub does not accept"):
        live.ship("2.0.0", watch=replace(live.watch, pause=pause))
    assert live.titles[0] == "Deploy 2.0.0"
    assert len(pauses) == 1


def test_what_the_owner_added_survives_a_deploy_and_a_rollback(live: World) -> None:
    live.spaces.commit(SPACE, {"mine/notes.md": b"mine"})
    live.ship("2.0.0")
    assert live.spaces.tree(SPACE)["mine/notes.md"] == b"mine"
    live.change("app.py", "# the third\n")
    live.visits.wrong = frozenset({"3.0.0"})
    assert live.ship("3.0.0").outcome is Outcome.ROLLED_BACK
    there = live.spaces.tree(SPACE)
    assert there["mine/notes.md"] == b"mine"
    assert b'"2.0.0"' in there[MANIFEST]
