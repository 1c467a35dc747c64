"""`microscope space deploy`, its lines, its JSON and its exit statuses."""

from __future__ import annotations

import json
import logging
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.cli.space import deploy
from microscope.cli.space.deploy import revision_of
from microscope.space.preflight.base import Check, failed, fine, warned
from tests.cli.commands import Ran
from tests.cli.space.around import context_of, run
from tests.hub.spaces.repository import Told
from tests.space.shipping import SPACE, World, world_of


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path) as world:
        yield world


@pytest.fixture
def live(world: World) -> World:
    """Return a Space on which version 1.0.0 runs, and a project that has moved on."""
    assert deployed(world).status == 0
    world.change("app.py", "# the second\n")
    world.change("src/microscope/__init__.py", '__version__ = "2.0.0"\n')
    return world


def deployed(world: World, *flags: str) -> Ran:
    return run(world, deploy, ["deploy", SPACE, *flags])


def test_a_deploy_ends_with_one_line_that_says_it_all(world: World) -> None:
    found = deployed(world)
    assert found.status == 0
    assert found.out == (
        f"Deployed: {SPACE} runs version 1.0.0, commit {world.head[:7]}, at https://owner-microscope.hf.space\n"
    )
    lines = found.err.splitlines()
    size = world.payload().size + len(world.payload().manifest)
    assert lines == [
        f"{len(world.payload().files) + 1} files to add, 0 to change, 0 to delete: {size:,} bytes to upload.",
        f"{SPACE} was given commit {world.head[:7]}: {world.spaces.url}/spaces/{SPACE}",
        f"{SPACE} is being built.",
        f"{SPACE} starts.",
        f"{SPACE} runs.",
        "ok       Answer: it answers",
    ]
    assert world.titles[0] == "Deploy 1.0.0"


def test_a_message_of_one_s_own_stands_on_one_line(world: World) -> None:
    deployed(world, "--message", f"Ship\nit {'x' * 300}")
    assert world.titles[0].startswith("Ship it xxx")
    assert len(world.titles[0]) == 120


def test_the_copy_s_commit_stands_in_the_message(world: World) -> None:
    git = ["git", "-C", str(world.root), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    assert revision_of(world.root) is None
    subprocess.run([*git, "init", "-q"], check=True)
    assert revision_of(world.root) is None
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "one"], check=True)
    short = subprocess.run([*git, "rev-parse", "--short=7", "HEAD"], check=True, capture_output=True, text=True)
    deployed(world)
    assert world.titles[0] == f"Deploy 1.0.0 ({short.stdout.strip()})"
    world.change("app.py", "# changed\n")
    assert revision_of(world.root) == f"{short.stdout.strip()}-dirty"


def test_a_git_that_takes_too_long_names_no_commit(
    world: World, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path_factory.mktemp("slow")
    (slow / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (slow / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow}:{os.environ['PATH']}")
    monkeypatch.setattr(deploy, "GIT_SECONDS", 0.5)
    (world.root / ".git").mkdir()
    assert revision_of(world.root) is None


def test_unchanged_is_said_and_is_no_failure(live: World) -> None:
    deployed(live)
    before = live.titles
    found = deployed(live)
    assert (found.status, live.titles) == (0, before)
    assert found.out == f"Unchanged: {SPACE} has version 2.0.0 already, at commit {live.head[:7]}.\n"


def test_a_dry_run_shows_and_changes_nothing(live: World) -> None:
    live.spaces.space(SPACE).requested = "cpu-basic"
    before, posted = live.head, live.spaces.count("POST")
    found = deployed(live, "--dry-run")
    assert found.status == 0
    assert (live.head, live.spaces.count("POST")) == (before, posted)
    lines = found.out.splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [
        ["~", "app.py"],
        ["~", "assets/manifest.json"],
        ["~", "src/microscope/__init__.py"],
    ]
    assert f"microscope space configure {SPACE} --hardware zero-a10g" in lines[-2]
    assert lines[-1] == "Nothing was changed: this was a dry run."
    told = json.loads(deployed(live, "--dry-run", "--json").out)
    assert [entry["path"] for entry in told["changed"]] == [line.split()[1] for line in lines[:3]]
    assert (told["parent"], told["version"], told["added"]) == (before, "2.0.0", [])


def test_other_hardware_than_the_readme_s_is_told_by_a_deploy_too(live: World) -> None:
    live.spaces.space(SPACE).requested = "cpu-basic"
    found = deployed(live)
    assert found.status == 0
    assert "suggests zero-a10g, the Space has cpu-basic" in found.err.splitlines()[0]


def test_a_failed_build_exits_with_5_and_shows_its_log(live: World) -> None:
    previous = live.head
    live.spaces.say(SPACE, "build", "ERROR: No matching distribution found for torhc")
    live.spaces.script(SPACE, "BUILDING", "BUILD_ERROR", once=True)
    found = deployed(live)
    assert (found.status, found.out) == (5, "")
    lines = found.err.splitlines()
    at = lines.index("The end of the log of the deploy:")
    assert lines[at + 1] == "  ERROR: No matching distribution found for torhc"
    assert lines[-1].startswith(f"Rolled back: {SPACE} has the files of {previous[:7]} again, and runs. ")
    assert live.digests() == live.digests(previous)


def test_a_rollback_that_fails_as_well_exits_with_6_and_shows_both_logs(live: World) -> None:
    live.spaces.say(SPACE, "build", "of the build")
    live.spaces.say(SPACE, "run", "of the run")
    live.spaces.script(SPACE, "BUILDING", "BUILD_ERROR", once=True)
    live.spaces.script(SPACE, "BUILDING", Told("RUNTIME_ERROR", error="Exit code: 1"), once=True)
    found = deployed(live)
    assert found.status == 6
    lines = found.err.splitlines()
    assert lines[lines.index("The end of the log of the deploy:") + 1] == "  of the build"
    assert lines[lines.index("The end of the log of the rollback:") + 1] == "  of the run"
    assert lines[-1].startswith("Not rolled back")


def test_a_first_deploy_that_does_not_work_exits_with_1(world: World) -> None:
    world.visits.wrong = frozenset({"1.0.0"})
    found = deployed(world)
    assert found.status == 1
    assert "first deploy" in found.err.splitlines()[-1]
    assert "failed   Answer: it says nothing Look at the log." in found.err


def test_what_the_checks_find_keeps_a_deploy_from_going_on(world: World) -> None:
    checks = (
        Check("Good", lambda _project: [fine("Good", "as it should be.")]),
        Check("Odd", lambda _project: [warned("Odd", "it is odd.", "Make it even.")]),
        Check("Bad", lambda project: [failed("Bad", f"{project.root.name} is broken.", "Mend it.")]),
    )
    before = world.titles
    found = run(world, deploy, ["deploy", SPACE], replace(context_of(world), checks=checks))
    assert (found.status, found.out, world.titles) == (1, "", before)
    lines = found.err.splitlines()
    assert lines[:2] == [
        "warning  Odd: it is odd. Make it even.",
        f"failed   Bad: {world.root.name} is broken. Mend it.",
    ]
    assert "Bad" in lines[-1]
    found = run(world, deploy, ["deploy", SPACE, "--no-check"], replace(context_of(world), checks=checks))
    assert (found.status, "Odd" in found.err) == (0, False)
    world.change("app.py", "# the second\n")
    found = run(world, deploy, ["deploy", SPACE], replace(context_of(world), checks=checks[:2]))
    assert (found.status, found.err.splitlines()[0]) == (0, "warning  Odd: it is odd. Make it even.")


def test_flags_leave_steps_out(live: World) -> None:
    live.visits.seen.clear()
    live.visits.wrong = frozenset({"2.0.0"})
    assert deployed(live, "--no-smoke").status == 0
    assert live.visits.seen == []
    live.change("app.py", "# the third\n")
    asked = live.spaces.count("GET", "/runtime")
    found = deployed(live, "--no-wait")
    assert (found.status, live.visits.seen) == (0, [])
    assert "nobody has seen it run" in found.out
    assert live.spaces.count("GET", "/runtime") - asked <= 4
    live.spaces.now(SPACE, "RUNNING")
    live.change("app.py", "# the fourth\n")
    found = deployed(live, "--no-rollback")
    assert found.status == 1
    assert live.titles[0] == "Deploy 2.0.0"


def test_a_time_out_is_in_minutes(live: World) -> None:
    live.spaces.script(SPACE, "BUILDING", once=True)
    found = deployed(live, "--timeout", "0.5")
    assert found.status == 5
    assert live.clock.now < 120
    for wrong in ("0", "-1", "soon", "1e3", "99999"):
        found = deployed(live, f"--timeout={wrong}")
        assert found.status == 1
        assert "--timeout takes minutes" in found.err


def test_the_result_is_json_on_request(live: World) -> None:
    live.visits.wrong = frozenset({"2.0.0"})
    previous = live.head
    found = deployed(live, "--json")
    told = json.loads(found.out)
    assert (found.status, told["status"], told["outcome"]) == (5, 5, "rolled back")
    assert (told["previous"], told["rollback"]) == (previous, live.head)
    assert told["tested"]["findings"][1] == {
        "subject": "Answer",
        "status": "failed",
        "detail": "it says nothing",
        "advice": "Look at the log.",
    }
    assert told["tested"]["failure"]["sentence"].endswith("Answer: it says nothing.")
    assert told["rolled_back"]["failure"] is None


def test_no_output_ever_has_a_token(live: World) -> None:
    token = "hf_" + "c" * 34
    live.spaces.admit(token, live.spaces.accounts.by_token[live.spaces.token])
    live.spaces.say(SPACE, "build", f"Authorization: Bearer {token}", f"ERROR: {token} is wrong")
    for flags in (["--json"], []):
        live.spaces.script(SPACE, Told("BUILDING", polls=2), Told("BUILD_ERROR", error=f"bad {token}"), once=True)
        found = run(live, deploy, ["deploy", SPACE, *flags], context_of(live, token))
        assert found.status == 5
        assert "ERROR: [a token] is wrong" in found.err
        assert token not in found.out + found.err


def test_requests_and_bars_are_not_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        deployed(world)
    assert [record for record in caplog.records if "HTTP Request" in record.getMessage()] == []


def test_what_is_wrong_is_one_sentence(world: World) -> None:
    assert "owner/name" in run(world, deploy, ["deploy", "nobody"]).err
    assert "microscope space create" in run(world, deploy, ["deploy", "owner/another"]).err
    (world.root / "app.py").unlink()
    assert "has no app.py" in deployed(world).err
