"""The workflows: what they may do, who can make them do it, and that each command of theirs is one of ours."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from microscope.cli import _parser
from microscope.settings import REPOSITORY
from microscope.space.packages.ranges import Texts

WORKFLOWS = REPOSITORY / ".github" / "workflows"
FILES = sorted(WORKFLOWS.glob("*.yml"))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
# Another workflow of this repository, at the very commit that runs.
OWN = re.compile(r"\$/\.github/workflows/[\w-]+\.yml")
COMMAND = re.compile(r"make [a-z-]+|\.ci/run|\.venv/bin/microscope [^;&|<>`()]+")
# What a runner sets in every step.
GIVEN = {"GITHUB_OUTPUT", "GITHUB_REPOSITORY", "GITHUB_SHA"}
# Whoever opens a pull request from a fork starts these, with a commit of theirs.
FORKS_START = {"pull_request"}
SECRET = re.compile(r"\bsecrets\b|github\.token|github\[")
# These would give the commit of a stranger our secrets.
NEVER = {"pull_request_target", "workflow_run", "issue_comment"}
FROM_HERE = "github.event.pull_request.head.repo.full_name == github.repository"


@pytest.fixture(scope="module")
def steps() -> Iterator[ModuleType]:
    """Return the module that reads workflows."""
    sys.path.insert(0, str(REPOSITORY / "benchmarks"))
    yield importlib.import_module("workflow_steps")
    sys.path.remove(str(REPOSITORY / "benchmarks"))


@pytest.fixture(scope="module")
def expressions(steps: ModuleType) -> ModuleType:
    """Return the module that evaluates their expressions."""
    return importlib.import_module("workflow_expressions")


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def workflow(request: pytest.FixtureRequest, steps: ModuleType) -> Any:
    """Return each workflow in turn."""
    return steps.read_workflow(request.param)


def test_there_are_workflows_to_hold() -> None:
    assert {path.name for path in FILES} >= {"check.yml", "deploy.yml", "evaluate.yml"}
    assert [path.name for path in WORKFLOWS.iterdir() if path.suffix != ".yml"] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_action_is_pinned_by_commit(path: Path) -> None:
    used = re.findall(r"uses:\s*(.*)", path.read_text(encoding="utf-8"))
    assert used
    assert [line for line in used if not (PINNED.fullmatch(line) or OWN.fullmatch(line))] == []
    for line in filter(OWN.fullmatch, used):
        assert (WORKFLOWS / line.rpartition("/")[2]).is_file()


def test_nothing_is_allowed_but_what_a_job_says_it_needs(workflow: Any) -> None:
    assert workflow.defined["permissions"] == {}
    for job in workflow.jobs:
        assert job.defined["permissions"], job.name


def test_no_job_runs_for_ever_or_beside_itself(workflow: Any) -> None:
    whole = workflow.defined.get("concurrency")
    for job in workflow.jobs:
        assert "uses" in job.defined or 0 < job.defined["timeout-minutes"] <= 180, job.name
        limits = job.defined.get("concurrency", whole)
        assert limits["group"], job.name
        assert isinstance(limits["cancel-in-progress"], bool), job.name


def test_no_checkout_leaves_the_token_behind(workflow: Any) -> None:
    for job in workflow.jobs:
        checkouts = [step for step in job.defined.get("steps", ()) if "actions/checkout@" in step.get("uses", "")]
        assert [step for step in checkouts if step["with"]["persist-credentials"] is not False] == []


def test_every_command_is_one_of_ours_and_holds_no_expression(workflow: Any) -> None:
    for job in workflow.jobs:
        for step in job.steps:
            assert COMMAND.fullmatch(step.command), step.command
            assert "${{" not in step.command
            assert "\n" not in step.command


def test_every_variable_of_a_command_is_set_beside_it(workflow: Any) -> None:
    for job in workflow.jobs:
        for step in job.steps:
            used = set(re.findall(r"\$\{?(\w+)", step.command))
            assert used <= set(step.environment) | GIVEN, step.command
            assert re.sub(r'"\$\w+"', "", step.command).count("$") == 0, f"{step.command}: a variable without quotes"


def test_every_command_of_ours_is_understood(workflow: Any) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for job in workflow.jobs:
        for step in job.steps:
            program, *arguments = shlex.split(step.command)
            if program == "make":
                assert re.search(rf"^{arguments[0]}:", makefile, re.MULTILINE), step.command
            elif program.endswith("microscope"):
                _parser().parse_args(arguments)


def test_no_stranger_s_commit_runs_beside_a_secret(workflow: Any) -> None:
    assert NEVER & set(workflow.triggers) == set()
    if not FORKS_START & set(workflow.triggers):
        return
    for job in workflow.jobs:
        written = yaml.safe_dump(dict(job.defined))
        writes = [scope for scope, access in job.defined["permissions"].items() if access != "read"]
        if SECRET.search(written) or writes:
            assert FROM_HERE in " ".join(job.condition.split()), job.name


def test_a_deploy_waits_for_the_checks_and_for_other_deploys(steps: ModuleType) -> None:
    deploy = steps.read_workflow(WORKFLOWS / "deploy.yml")
    jobs = {job.name: job for job in deploy.jobs}
    assert jobs["check"].defined["uses"] == "$/.github/workflows/check.yml"
    assert jobs["deploy"].defined["needs"] == "check"
    for name in ("deploy", "rollback"):
        # Of those that wait GitHub would keep but the newest.
        assert jobs[name].defined["concurrency"] == {"group": "deploy", "cancel-in-progress": False, "queue": "max"}
        assert jobs[name].defined["permissions"] == {"contents": "read", "id-token": "write"}
        assert "vars.SPACE != ''" in jobs[name].condition
        assert "github.ref == 'refs/heads/main'" in jobs[name].condition
        ours = [step for step in jobs[name].steps if "space" in step.command]
        assert [step.environment["HF_HUB_DISABLE_PROGRESS_BARS"] for step in ours] == ["1"]


def test_previews_are_off_by_default_and_take_turns(steps: ModuleType) -> None:
    preview = steps.read_workflow(WORKFLOWS / "preview.yml")
    assert preview.triggers == {"pull_request": {"types": ["opened", "synchronize", "reopened", "closed"]}}
    show, close = preview.jobs
    for job, sign in ((show, "!="), (close, "==")):
        assert f"github.event.action {sign} 'closed'" in job.condition
        for needed in (FROM_HERE, "vars.PREVIEW_SPACE != ''", "vars.PREVIEW_SPACE != vars.SPACE"):
            assert needed in job.condition
        assert job.defined["permissions"] == {"contents": "read", "id-token": "write", "pull-requests": "write"}
        assert "secrets." not in yaml.safe_dump(dict(job.defined))
        assert job.defined["steps"][0]["with"]["ref"] == "${{ github.event.pull_request.head.sha }}"
        assert job.steps[-1].environment["HF_HUB_DISABLE_PROGRESS_BARS"] == "1"
    assert show.defined["concurrency"] == {"group": "preview", "cancel-in-progress": False}
    assert close.defined["concurrency"]["group"] != "preview"


@pytest.mark.parametrize(("token", "resource"), [(None, "spaces/owner/it"), ("hf_of_nobody", "")])
def test_a_deploy_is_keyless_unless_there_is_a_token(
    steps: ModuleType, expressions: ModuleType, token: str | None, resource: str
) -> None:
    values = {"vars.SPACE": "owner/it", "secrets.HF_TOKEN": token}
    jobs = steps.read_workflow(WORKFLOWS / "deploy.yml").jobs
    found = [step for job in jobs for step in job.steps if "HF_OIDC_RESOURCE" in step.environment]
    assert ["deploy" in step.command for step in found] == [True, False]
    for step in found:
        assert expressions.render(step.environment["HF_OIDC_RESOURCE"], values) == resource
        assert expressions.render(step.environment["HF_TOKEN"], values) == (token or "")


def test_what_runs_new_packages_may_only_read(steps: ModuleType) -> None:
    refresh = {job.name: job for job in steps.read_workflow(WORKFLOWS / "refresh.yml").jobs}
    assert refresh["try"].defined["permissions"] == {"contents": "read"}
    assert [step.command for step in refresh["try"].steps][-1] == "make test"
    assert [step for step in refresh["try"].steps if "GITHUB_TOKEN" in step.environment] == []
    assert refresh["propose"].defined["permissions"] == {"contents": "write", "pull-requests": "write"}
    given = [step.command for step in refresh["propose"].steps if "GITHUB_TOKEN" in step.environment]
    assert len(given) == 1
    assert "--take" in given[0]


def test_no_two_machines_propose_the_same(steps: ModuleType) -> None:
    text = (REPOSITORY / ".github" / "dependabot.yml").read_text(encoding="utf-8")
    pip = next(one for one in yaml.safe_load(text)["updates"] if one["package-ecosystem"] == "pip")
    texts = Texts(*((REPOSITORY / name).read_text(encoding="utf-8") for name in ("README.md", "requirements.txt")))
    ours = {line.name for line in texts.movable("3.12")} | {name for name, _ in texts.held()}
    # Gradio stands in the README, where Dependabot does not look.
    assert {one["dependency-name"] for one in pip["ignore"]} == ours - {"gradio"}
