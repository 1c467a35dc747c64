"""What the workflows' commands meet when they run here: a Hub, GitHub, a Git server on loopback, and the app itself.

The Hub starts the real app of every commit that is to run, as a Space does. What a job may do here is what its
permissions say: an identity for the Hub, pull requests, pushes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from workflow_expressions import Value, condition
from workflow_steps import Job, Workflow

from microscope.space.payload import MANIFEST, read_payload
from tests.hub.github.loopback_git import LoopbackGit
from tests.hub.github.loopback_github import LoopbackGitHub
from tests.hub.spaces.loopback_spaces import LoopbackSpaces
from tests.space.platforms import Platform

REPOSITORY, SPACE, PREVIEW = "owner/microscope", "owner/microscope", "owner/microscope-preview"
BRANCH = "feature/one"
EARLIER = "0.0.1"
MODULE = "src/microscope/__init__.py"
# What this machine has set for itself, and a runner has not.
FOREIGN = ("HF_", "GITHUB_", "ACTIONS_", "MICROSCOPE_", "GRADIO_", "PYTHON", "VIRTUAL_ENV", "GIT_", "MAKE")


@dataclass(frozen=True)
class Event:
    """What starts a workflow: its trigger, and the values that come with it."""

    trigger: str
    values: Mapping[str, Value] = field(default_factory=dict)


# Every job is run under the first of these that starts its workflow and lets its `if` hold.
EVENTS = (
    Event("push", {"github.ref": "refs/heads/main"}),
    Event("schedule", {"github.ref": "refs/heads/main"}),
    Event("pull_request", {"github.ref": "refs/pull/1/merge", "github.event.action": "opened"}),
    Event("pull_request", {"github.ref": "refs/pull/1/merge", "github.event.action": "closed"}),
    Event("workflow_dispatch", {"github.ref": "refs/heads/main"}),
    Event("workflow_dispatch", {"github.ref": "refs/heads/main", "inputs.action": "rollback"}),
)


@dataclass
class World:
    """The services, and what they were told."""

    spaces: LoopbackSpaces
    github: LoopbackGitHub
    git: LoopbackGit
    home: Path
    pull: int = 0
    head: str = ""

    def event_of(self, workflow: Workflow, job: Job, before: Mapping[str, Value]) -> Event | None:
        """Return the event under which a job runs, None where none of them starts it."""
        fitting = (event for event in EVENTS if event.trigger in workflow.triggers)
        return next((one for one in fitting if condition(job.condition, self.values(workflow, one, before))), None)

    def values(self, workflow: Workflow, event: Event, before: Mapping[str, Value]) -> dict[str, Value]:
        """Return what expressions may name under an event; `before` is what earlier jobs and steps handed on."""
        by_hand = event.trigger == "workflow_dispatch"
        inputs = {f"inputs.{name}": text if by_hand else None for name, text in workflow.inputs.items()}
        return {
            **inputs,
            "vars.SPACE": SPACE,
            "vars.PREVIEW_SPACE": PREVIEW,
            "secrets.HF_TOKEN": None,
            "github.token": self.github.token,
            "github.repository": REPOSITORY,
            "github.server_url": "https://github.example",
            "github.run_id": "1",
            "github.event.pull_request.number": self.pull,
            "github.event.pull_request.head.sha": self.head,
            "github.event.pull_request.head.ref": BRANCH,
            "github.event.pull_request.head.repo.full_name": REPOSITORY,
            "always()": True,
            "cancelled()": False,
            **event.values,
            **before,
        }

    def environment(self, workflow: Workflow, job: Job, event: Event) -> dict[str, str]:
        """Set the services to what a job may do, and return the variables of its commands that speak to them."""
        allowed = job.defined["permissions"]
        self.github.may_write = allowed.get("pull-requests") == "write"
        self.git.may_write = allowed.get("contents") == "write"
        for pull in self.github.pulls:
            if pull["number"] == self.pull:
                pull["state"] = "closed" if event.values.get("github.event.action") == "closed" else "open"
        here = self.github.environment()
        del here["GITHUB_TOKEN"]
        branch = "main" if event.trigger != "pull_request" else BRANCH
        identity = self.spaces.keyless(SPACE, REPOSITORY, branch, workflow.name)
        # Which Space they are for, the step itself says.
        del identity["HF_OIDC_RESOURCE"]
        # A runner begins with nothing kept, and what is kept here stays as it is.
        homes = {"MICROSCOPE_DATA": str(self.home / "data"), "HF_HOME": str(self.home / "hub")}
        may_show_who = allowed.get("id-token") == "write"
        return {**here, **homes, **self.spaces.environment(), **(identity if may_show_who else {})}


@contextmanager
def opened(root: Path, folder: Path, bare: Path, head: str) -> Iterator[World]:
    """Open the services: a Space that runs an earlier version of the project at `root`, one for previews, one pull."""
    platforms = {name: Platform(folder / name.replace("/", "-")) for name in (SPACE, PREVIEW)}
    with LoopbackSpaces() as spaces, LoopbackGitHub(REPOSITORY) as github, LoopbackGit(bare, github.token) as git:
        spaces.on_running = lambda space, sha, files: platforms[space].run(space, sha, files)
        spaces.create(SPACE, earlier(root, folder / "earlier"))
        spaces.create(PREVIEW)
        spaces.trust(SPACE, REPOSITORY, branch="main")
        spaces.trust(PREVIEW, REPOSITORY, workflow="preview.yml")
        try:
            yield World(spaces, github, git, folder / "home", github.open(BRANCH, head), head)
        finally:
            for platform in platforms.values():
                platform.stop()


def earlier(root: Path, folder: Path) -> dict[str, bytes]:
    """Return the files of a deploy of an earlier version, which differs in its number alone."""
    payload = read_payload(root, EARLIER)
    for file in payload.files:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / file.path, folder / file.path)
    lines = (folder / MODULE).read_text(encoding="utf-8").splitlines(keepends=True)
    changed = [f'__version__ = "{EARLIER}"\n' if line.startswith("__version__") else line for line in lines]
    (folder / MODULE).write_text("".join(changed), encoding="utf-8")
    payload = read_payload(folder, EARLIER)
    return {MANIFEST: payload.manifest, **{file.path: payload.read(file.path) for file in payload.files}}


def runner() -> dict[str, str]:
    """Return the environment that every command has: this machine's, less what a runner does not have."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return {**kept, "CI": "true", "GITHUB_ACTIONS": "true"}
