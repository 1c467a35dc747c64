"""Reads the workflows: their jobs, and of each the commands that it runs, in order; runs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Step:
    """One command of a job: its line, its environment with expressions as they are written, and its `if`.

    `name` is the id that others call it by, empty without one.
    """

    command: str
    environment: Mapping[str, str]
    condition: str = ""
    name: str = ""


@dataclass(frozen=True)
class Job:
    """One job of a workflow; `defined` is all that the file says of it, `outputs` are written as in the file."""

    workflow: str
    name: str
    steps: tuple[Step, ...]
    defined: Mapping[str, Any]

    @property
    def condition(self) -> str:
        """Return the job's `if`."""
        return str(self.defined.get("if", ""))

    @property
    def outputs(self) -> Mapping[str, str]:
        """Return what the job hands on, by name."""
        return self.defined.get("outputs", {})


@dataclass(frozen=True)
class Workflow:
    """One workflow: its file's name, what starts it, and its jobs in order; `defined` is the whole file."""

    name: str
    triggers: Mapping[str, Any]
    jobs: tuple[Job, ...]
    defined: Mapping[Any, Any]

    @property
    def inputs(self) -> dict[str, str]:
        """Return what somebody who starts it by hand may choose, with what it is by default."""
        asked = (self.triggers.get("workflow_dispatch") or {}).get("inputs", {})
        return {name: str(one.get("default", "")) for name, one in asked.items()}


def read_workflows(folder: Path) -> tuple[Workflow, ...]:
    """Return the workflows of a folder, by name of file."""
    return tuple(map(read_workflow, sorted(folder.glob("*.yml"))))


def read_workflow(path: Path) -> Workflow:
    """Return one workflow."""
    defined = yaml.safe_load(path.read_text(encoding="utf-8"))
    # YAML 1.1 takes the word `on` for true.
    triggers = defined.get("on", defined.get(True))
    if not isinstance(triggers, dict):
        triggers = dict.fromkeys([triggers] if isinstance(triggers, str) else triggers)
    shared = defined.get("env", {})
    jobs = tuple(_job(path.name, name, job, shared) for name, job in defined["jobs"].items())
    return Workflow(path.name, triggers, jobs, defined)


def _job(workflow: str, name: str, defined: Mapping[str, Any], shared: Mapping[str, Any]) -> Job:
    around = {**shared, **defined.get("env", {})}
    steps = tuple(_step(step, around) for step in defined.get("steps", ()) if "run" in step)
    return Job(workflow, name, steps, defined)


def _step(defined: Mapping[str, Any], around: Mapping[str, Any]) -> Step:
    environment = {key: str(value) for key, value in {**around, **defined.get("env", {})}.items()}
    return Step(
        command=defined["run"].strip(),
        environment=environment,
        condition=str(defined.get("if", "")),
        name=defined.get("id", ""),
    )
