"""Tests of what runs the workflows' commands here: expressions, steps, and what becomes of them."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from microscope.settings import REPOSITORY
from tests.hub.github.loopback_git import LoopbackGit
from tests.hub.github.loopback_github import LoopbackGitHub
from tests.hub.spaces.loopback_spaces import LoopbackSpaces
from tests.space.clones import git, make_clone

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
VALUES = {"vars.SPACE": "owner/it", "secrets.HF_TOKEN": "", "inputs.to": None, "always()": True, "github.number": 7}
WORKFLOW = """
name: Two
on:
  workflow_dispatch:
    inputs:
      depth:
        default: 3
      plain:
        description: nothing
env:
  ALL: every
jobs:
  first:
    if: vars.SPACE != ''
    env:
      ALL: mine
      HALF: ${{ vars.SPACE }}
    outputs:
      found: ${{ steps.look.outputs.found }}
    steps:
      - uses: somebody/something@main
      - run: make look
        id: look
      - run: >-
          make
          two
        if: always()
        env:
          HALF: whole
  second:
    uses: ./other.yml
"""


@pytest.fixture(scope="module")
def script() -> Iterator[Callable[[str], ModuleType]]:
    """Return what imports a script as a module; it finds its neighbours as it does when it is run."""
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def expressions(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("workflow_expressions")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("vars.SPACE", "owner/it"),
        ("'it''s'", "it's"),
        ("vars.SPACE != ''", True),
        ("inputs.to == ''", True),
        ("vars.SPACE == 'OWNER/it'", True),
        ("! inputs.to && 'yes' || 'no'", "yes"),
        ("inputs.to && 'yes' || 'no'", "no"),
        ("false || null", None),
        ("(true || false) && 3", 3),
        ("true || false && false", True),
        ("format('{1}/{0}', github.number, vars.SPACE)", "owner/it/7"),
        ("always() && github.number == 7", True),
        ("secrets.HF_TOKEN == '' && format('spaces/{0}', vars.SPACE) || ''", "spaces/owner/it"),
    ],
)
def test_an_expression_comes_to_what_github_makes_of_it(
    expressions: ModuleType, expression: str, value: object
) -> None:
    assert expressions.evaluate(expression, VALUES) == value


@pytest.mark.parametrize(
    "expression", ["vars.OTHER", "success()", "contains('a', 'b')", "1 +", "'open", "(1", "1 2", "", "format('a'"]
)
def test_what_is_not_known_is_an_error(expressions: ModuleType, expression: str) -> None:
    with pytest.raises(expressions.UnknownError):
        expressions.evaluate(expression, VALUES)


def test_expressions_stand_in_texts_and_conditions(expressions: ModuleType) -> None:
    text = "a ${{ vars.SPACE }} b ${{ inputs.to }}c ${{ true }}"
    assert expressions.render(text, VALUES) == "a owner/it b c true"
    assert expressions.condition("", VALUES)
    assert expressions.condition("${{ vars.SPACE != '' }}", VALUES)
    assert not expressions.condition("inputs.to", VALUES)


def test_a_workflow_is_read_with_its_steps_in_order(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    (tmp_path / "two.yml").write_text(WORKFLOW, encoding="utf-8")
    (found,) = script("workflow_steps").read_workflows(tmp_path)
    assert (found.name, found.inputs) == ("two.yml", {"depth": "3", "plain": ""})
    first, second = found.jobs
    assert (first.condition, second.steps) == ("vars.SPACE != ''", ())
    assert first.outputs == {"found": "${{ steps.look.outputs.found }}"}
    look, two = first.steps
    assert (look.command, look.name, look.condition) == ("make look", "look", "")
    assert look.environment == {"ALL": "mine", "HALF": "${{ vars.SPACE }}"}
    assert (two.command, two.name, two.condition) == ("make two", "", "always()")
    assert two.environment == {"ALL": "mine", "HALF": "whole"}


JOBS = """
on: push
permissions: {}
jobs:
  first:
    permissions:
      contents: read
    outputs:
      found: ${{ steps.look.outputs.found }}
    steps:
      - run: echo "found=it is $WHAT" >> "$GITHUB_OUTPUT"
        id: look
        env:
          WHAT: ${{ vars.SPACE }}
      - run: test "$(.venv/bin/told)" = "$PWD/.venv"
  second:
    needs: first
    permissions:
      contents: write
    if: needs.first.outputs.found != ''
    steps:
      - run: test "$FOUND" = "it is owner/microscope" && test -z "$HF_ENDPOINT$ACTIONS_ID_TOKEN_REQUEST_URL"
        env:
          FOUND: ${{ needs.first.outputs.found }}
      - run: cat half || exit 3
      - run: echo never
      - run: make test
  third:
    needs: second
    permissions:
      contents: read
    steps:
      - run: echo never
  fourth:
    needs: [second, third]
    if: always() && needs.second.result == 'failure'
    permissions:
      contents: read
    steps:
      - run: "true"
  fifth:
    if: vars.SPACE == ''
    permissions:
      contents: read
    steps:
      - run: echo never
  sixth:
    uses: $/.github/workflows/other.yml
"""


@pytest.fixture
def world(script: Callable[[str], ModuleType], tmp_path: Path) -> Iterator[object]:
    """Return services over a repository of one file, without Spaces."""
    bare, _ = make_clone(tmp_path, {"Makefile": "test:\n\tfalse\n"})
    with LoopbackSpaces() as spaces, LoopbackGitHub() as github, LoopbackGit(bare, github.token) as server:
        yield script("workflow_world").World(spaces, github, server, tmp_path, github.open("feature/one"), "a" * 40)


def test_every_job_of_ours_is_run_and_every_expression_known(
    script: Callable[[str], ModuleType], world: object
) -> None:
    expressions = script("workflow_expressions")
    for workflow in script("workflow_steps").read_workflows(REPOSITORY / ".github" / "workflows"):
        before: dict[str, object] = {}
        for job in workflow.jobs:
            handed = {f"needs.{job.name}.outputs.{name}": "something" for name in job.outputs}
            event = world.event_of(workflow, job, before)
            assert event is not None, f"{workflow.name}: nothing starts {job.name}"
            values = world.values(workflow, event, before)
            for step in job.steps:
                rendered = {name: expressions.render(text, values) for name, text in step.environment.items()}
                assert "${{" not in "".join(rendered.values())
            before |= {**handed, f"needs.{job.name}.result": "success"}


def test_jobs_may_what_their_permissions_say(script: Callable[[str], ModuleType], world: object) -> None:
    steps = script("workflow_steps")
    workflows = {one.name: one for one in steps.read_workflows(REPOSITORY / ".github" / "workflows")}

    def around(file: str, name: str) -> dict[str, str]:
        job = next(job for job in workflows[file].jobs if job.name == name)
        event = world.event_of(workflows[file], job, {f"needs.{name}.outputs.changes": "x", **ALL})
        return world.environment(workflows[file], job, event)

    deploy = around("deploy.yml", "deploy")
    assert deploy["ACTIONS_ID_TOKEN_REQUEST_URL"].endswith("/owner%2Fmicroscope/main/deploy.yml")
    assert {"GITHUB_TOKEN", "HF_TOKEN", "HF_OIDC_RESOURCE"} & set(deploy) == set()
    assert deploy["MICROSCOPE_DATA"] == str(world.home / "data")
    assert (world.github.may_write, world.git.may_write) == (False, False)
    propose = around("refresh.yml", "propose")
    assert (world.github.may_write, world.git.may_write) == (True, True)
    assert "ACTIONS_ID_TOKEN_REQUEST_URL" not in propose


ALL = {"needs.try.outputs.changes": "gradio==6.32.0", "needs.try.result": "success", "needs.check.result": "success"}


def test_jobs_run_in_clones_and_a_failure_ends_only_its_own(
    script: Callable[[str], ModuleType], world: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = script("workflows")
    (tmp_path / "jobs.yml").write_text(JOBS, encoding="utf-8")
    workflow = script("workflow_steps").read_workflow(tmp_path / "jobs.yml")
    made = tmp_path / "made"
    write_environment(made)
    place = runs.Place(tmp_path / "clones", tmp_path / "project.git", made, skip_long=True)
    rows = list(runs.run(world, place, workflow))
    assert [(row.job, row.word if row.status is None else row.status, row.failed) for row in rows] == [
        ("first", 0, False),
        ("first", 0, False),
        ("second", 0, False),
        ("second", 3, True),
        ("second", "not run", True),
        ("second", "skipped", False),
        ("third", "not run", True),
        ("fourth", 0, False),
        ("fifth", "not run", True),
        ("sixth", "see there", False),
    ]
    assert "No such file" in capsys.readouterr().out
    shown = runs.table(rows).splitlines()
    assert shown[0].split() == ["workflow", "job", "exit", "seconds", "command"]
    assert len(shown) == len(rows) + 1


def write_environment(folder: Path) -> None:
    """Write something that looks like an environment, which tells where it is."""
    binaries = folder / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "told").write_text(f"#!/bin/sh\necho {folder}/.venv\n", encoding="utf-8")
    (binaries / "told").chmod(0o755)
    (binaries / "sh").symlink_to("/bin/sh")
    (folder / ".venv" / "constraints.txt").write_text("one==1\n", encoding="utf-8")
    (folder / ".venv" / "large").write_text("the same in all\n", encoding="utf-8")


def test_an_environment_is_lent_and_stays_as_it_is(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    clones = script("workflow_clones")
    write_environment(tmp_path / "made")
    (tmp_path / "clone").mkdir()
    clones.lend(tmp_path / "made", tmp_path / "clone")
    made, lent = tmp_path / "made" / ".venv", tmp_path / "clone" / ".venv"
    told = subprocess.run([lent / "bin" / "told"], check=True, capture_output=True, text=True).stdout
    assert told.strip() == str(lent)
    assert (lent / "large").samefile(made / "large")
    assert not (lent / "constraints.txt").samefile(made / "constraints.txt")
    assert (lent / "bin" / "sh").is_symlink()


def test_an_older_version_is_asked_for_and_a_failing_git_says_why(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    runs, clones = script("workflows"), script("workflow_clones")
    lines = 'torch==2\ntransformers>=5.{},<5.{}; python_version >= "3.11"\ntransformers>=5.20,<5.21\n'
    bare, _ = make_clone(tmp_path, {"requirements.txt": lines.format(23, 24)})
    runs.ask_for_older(runs.Place(tmp_path / "clones", bare, tmp_path))
    assert git(bare, "show", "main:requirements.txt") == lines.format(22, 23).strip()
    with pytest.raises(SystemExit, match="not a git repository"):
        clones.git(tmp_path, "status")
