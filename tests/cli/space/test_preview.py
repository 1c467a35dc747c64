"""`microscope space preview`, its lines and its exit statuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.cli.space import preview
from microscope.space.preflight.base import Check, failed
from tests.cli.commands import Ran
from tests.cli.space.around import context_of, run
from tests.hub.github.loopback_github import LoopbackGitHub
from tests.space.shipping import SPACE, World, world_of

HEAD = "a" * 40


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_of(tmp_path) as world:
        yield world


@pytest.fixture
def github() -> Iterator[LoopbackGitHub]:
    with LoopbackGitHub() as github:
        github.open("topic")
        yield github


def previewed(world: World, github: LoopbackGitHub, *flags: str, **environment: str) -> Ran:
    """Run the command as a workflow's job does."""
    return run(world, preview, ["preview", SPACE, *flags], environment={**github.environment(), **environment})


def test_a_preview_ends_with_one_line_that_says_it_all(world: World, github: LoopbackGitHub) -> None:
    found = previewed(world, github, "--pull", "1", "--head", HEAD, "--ref", "my-branch")
    at = f"version 1.0.0, commit {world.head[:7]}, at https://owner-microscope.hf.space"
    assert (found.status, found.out) == (0, f"Preview of #1 on {SPACE}, {at}: it runs and answers.\n")
    assert "ok       Answer: it answers" in found.err
    assert f"{HEAD} of `my-branch`" in github.comments[1][0]["body"]
    assert github.token not in found.out + found.err


def test_what_is_not_given_is_the_pull_request_s(world: World, github: LoopbackGitHub) -> None:
    assert previewed(world, github, "--pull", "1", "--head", "", "--ref", "").status == 0
    assert f"{HEAD} of `topic`" in github.comments[1][0]["body"]


def test_without_a_pull_request_github_is_not_asked(world: World, github: LoopbackGitHub) -> None:
    found = previewed(world, github, "--head", "b" * 7, "--no-smoke", GITHUB_TOKEN="")
    assert found.status == 0
    assert found.out.startswith(f"Preview of bbbbbbb on {SPACE}, ")
    assert (github.requests, world.visits.seen) == ([], [])


def test_what_does_not_work_exits_with_1_shows_its_log_and_stays(world: World, github: LoopbackGitHub) -> None:
    world.spaces.say(SPACE, "build", "ERROR: No matching distribution found for torhc")
    world.spaces.script(SPACE, "BUILDING", "BUILD_ERROR")
    found = previewed(world, github, "--pull", "1")
    assert (found.status, found.out) == (1, "")
    lines = found.err.splitlines()
    assert lines[lines.index("The end of the log of the preview:") + 1].endswith("found for torhc")
    assert lines[-1].endswith("It stays as it is; the next push takes its place.")
    assert "it does not work" in github.comments[1][0]["body"]


def test_what_the_checks_find_is_told_and_not_deployed(world: World, github: LoopbackGitHub) -> None:
    bad = Check("Secrets", lambda _project: [failed("Secrets", "app.py, line 1 holds a token.", "Remove it.")])
    context, before = replace(context_of(world), checks=(bad,)), world.head
    variables = github.environment()
    found = run(world, preview, ["preview", SPACE, "--pull", "1"], context, environment=variables)
    assert (found.status, world.head) == (1, before)
    assert "app.py, line 1 holds a token" in github.comments[1][0]["body"]
    found = run(world, preview, ["preview", SPACE, "--pull", "1", "--no-check"], context, environment=variables)
    assert (found.status, world.head != before) == (0, True)


def test_a_fork_gets_a_sentence_and_nothing_else(world: World, github: LoopbackGitHub) -> None:
    number = github.open("theirs", fork="stranger/microscope")
    before = world.head
    found = previewed(world, github, "--pull", str(number))
    assert (found.status, world.head, github.comments) == (0, before, {})
    assert found.out.startswith(f"No preview: #{number} comes from a fork, stranger/microscope")


def test_a_closed_pull_request_is_told(world: World, github: LoopbackGitHub) -> None:
    previewed(world, github, "--pull", "1")
    github.pulls[0]["state"] = "closed"
    before = world.head
    found = previewed(world, github, "--pull", "1", "--close")
    assert (found.status, world.head) == (0, before)
    assert found.out.startswith("#1 is closed, and its comment says so")
    assert previewed(world, github, "--pull", "1").out == "No preview: #1 is closed.\n"


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--close"], "--close is told on a pull request"),
        (["--head", "main; rm"], "--head takes a commit"),
        (["--pull", "#1"], "--pull takes the number of a pull request"),
        (["--pull", "1", "--timeout", "0"], "--timeout takes minutes"),
        (["--pull", "99"], "no such thing in owner/microscope"),
    ],
)
def test_a_mistake_is_one_sentence(world: World, github: LoopbackGitHub, flags: list[str], sentence: str) -> None:
    found = previewed(world, github, *flags)
    assert found.status == 1
    assert sentence in found.err
    assert len(found.err.splitlines()) == 1


def test_a_job_without_a_token_is_told_what_to_give(world: World, github: LoopbackGitHub) -> None:
    found = previewed(world, github, "--pull", "1", GITHUB_TOKEN="")
    assert (found.status, world.titles[0].startswith("Preview")) == (1, False)
    assert "GITHUB_TOKEN: ${{ github.token }}" in found.err
