"""Runs every command of every workflow in scratch clones of the commit that is checked out, and says what came of it.

Each job has a clone of its own, as on GitHub. The first environment is installed from nothing and lent to the other
clones; `--quick` lends the one that is here. Services are on loopback, but for the index that pip asks. `--skip-long`
leaves out what runs the whole test suite.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from workflow_clones import lend, make_bare, make_clone, rewrite
from workflow_expressions import Value, condition, render
from workflow_steps import Job, Step, Workflow, read_workflows
from workflow_world import PREVIEW, SPACE, World, opened, runner

from microscope.space.causes import clean
from microscope.space.child import run_child

ROOT = Path(__file__).resolve().parents[1]
LONG = re.compile(r"make test|\.ci/run")
OURS = ".venv/bin/microscope"
SUCCESS, NOT_RUN = "success", "not run"
# The `if` of a job that runs whatever became of those that it needs.
WHATEVER = re.compile(r"\b(always|cancelled|failure)\(\)")
REFRESH = "refresh.yml"
WINDOW = re.compile(r"^transformers>=(\d+)\.(\d+),<\d+\.\d+(?=; python_version >=)", re.MULTILINE)
SHOWN, LAST = 4, 60
DEFAULT_MINUTES = 60


@dataclass(frozen=True)
class Row:
    """What came of one command: its exit status, or a word where it was not run."""

    workflow: str
    job: str
    command: str
    status: int | None
    seconds: float = 0.0
    word: str = ""

    @property
    def failed(self) -> bool:
        """Tell whether it ran and failed, or should have run and did not."""
        return self.status not in (0, None) or self.word == NOT_RUN


@dataclass(frozen=True)
class Place:
    """Where jobs get their clones: in a folder, of a bare repository, with the environment in the folder `lent`."""

    folder: Path
    bare: Path
    lent: Path
    skip_long: bool = False

    def clone(self, job: Job, remote: str) -> Path:
        """Return a new clone for a job, ready to run its commands."""
        clone = self.folder / f"{job.workflow}-{job.name}"
        make_clone(self.bare, clone, remote)
        lend(self.lent, clone)
        return clone


def run(world: World, place: Place, workflow: Workflow) -> Iterator[Row]:
    """Run the jobs of a workflow in order, and yield what came of each command."""
    handed: dict[str, Value] = {}
    for job in workflow.jobs:
        result = f"needs.{job.name}.result"
        if "uses" in job.defined:
            handed[result] = SUCCESS
            yield Row(workflow.name, job.name, f"uses {job.defined['uses']}", None, word="see there")
            continue
        event = world.event_of(workflow, job, handed)
        needed = job.defined.get("needs", ())
        waits = {handed[f"needs.{name}.result"] for name in ([needed] if isinstance(needed, str) else needed)}
        if event is None or (waits - {SUCCESS} and not WHATEVER.search(job.condition)):
            handed[result] = "skipped"
            yield Row(workflow.name, job.name, f"if {job.condition}", None, word=NOT_RUN)
            continue
        clone, values = place.clone(job, world.git.url), world.values(workflow, event, handed)
        running = Running(job, clone, world.environment(workflow, job, event), values, place.skip_long)
        yield from running.steps()
        outputs = {name: render(text, values) for name, text in job.outputs.items()}
        handed |= {f"needs.{job.name}.outputs.{name}": text for name, text in outputs.items()}
        handed[result] = "failure" if running.failed else SUCCESS


@dataclass
class Running:
    """One job while it runs in its clone; `services` are variables that only commands of ours are given.

    Tests bring services of their own, and for what installs and checks there are none on GitHub either.
    """

    job: Job
    clone: Path
    services: Mapping[str, str]
    values: dict[str, Value]
    skip_long: bool
    failed: bool = False

    def steps(self) -> Iterator[Row]:
        """Run the commands in order, none after one that failed, and yield what came of each."""
        for step in self.job.steps:
            row = Row(self.job.workflow, self.job.name, step.command, None, word=NOT_RUN)
            if self.skip_long and LONG.fullmatch(step.command):
                row = replace(row, word="skipped")
            elif not self.failed and condition(step.condition, self.values):
                row = self._run(step)
            self.failed = self.failed or row.failed
            yield row

    def _run(self, step: Step) -> Row:
        """Run one command as a runner does, and keep what it hands on."""
        print(f"\n{self.job.workflow} / {self.job.name} $ {step.command}", flush=True)
        outputs, script = self.clone.with_suffix(".outputs"), self.clone.with_suffix(".sh")
        outputs.write_text("", encoding="utf-8")
        script.write_text(step.command + "\n", encoding="utf-8")
        own = {name: render(text, self.values) for name, text in step.environment.items()}
        near = self.services if step.command.startswith(OURS) else {}
        environment = {**runner(), **near, **own, "GITHUB_OUTPUT": str(outputs)}
        minutes = self.job.defined.get("timeout-minutes", DEFAULT_MINUTES)
        status, seconds = finished(["bash", "-e", str(script)], self.clone, environment, minutes)
        if step.name:
            told = (line.partition("=") for line in outputs.read_text(encoding="utf-8").splitlines())
            self.values |= {f"steps.{step.name}.outputs.{name}": text for name, _, text in told}
        return Row(self.job.workflow, self.job.name, step.command, status, seconds)


def finished(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], minutes: float
) -> tuple[int, float]:
    """Run a command to its end, show its last lines, and return its status (-1: it took too long) and its seconds."""
    start = time.monotonic()
    ended = run_child(command, folder, environment, 60.0 * minutes)
    seconds = time.monotonic() - start
    for line in [clean(line) for line in ended.lines if line.strip()][-SHOWN if ended.status == 0 else -LAST :]:
        print(f"    {line}")
    print(f"    exit {ended.status}, {seconds:.0f} s", flush=True)
    return -1 if ended.status is None else ended.status, seconds


def table(rows: list[Row]) -> str:
    """Return the rows for people."""
    lines = [("workflow", "job", "exit", "seconds", "command")]
    lines += [
        (
            row.workflow,
            row.job,
            row.word if row.status is None else str(row.status),
            "" if row.status is None else f"{row.seconds:.0f}",
            row.command,
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    return "\n".join("  ".join([*(c.ljust(w) for c, w in zip(line, widths, strict=False)), line[4]]) for line in lines)


def facts(world: World) -> Iterator[str]:
    """Yield what the services were left with."""
    for space in (SPACE, PREVIEW):
        yield f"{space}: {', '.join(commit.title for commit in reversed(world.spaces.history(space)))}"
    for pull in world.github.pulls:
        yield f"pull request {pull['number']} of {pull['head']['ref']}: {pull.get('title', 'opened by hand')}"
    for number, said in world.github.comments.items():
        yield f"comments on {number}: {len(said)}, the last of {len(said[-1]['body'].splitlines())} lines"


def install(place: Place, remote: str) -> tuple[Place, Row]:
    """Install an environment from nothing in a clone of its own, which lends it from then on."""
    clone = place.folder / "first"
    make_clone(place.bare, clone, remote)
    print("\nfrom nothing $ make install", flush=True)
    status, seconds = finished(["make", "install"], clone, runner(), DEFAULT_MINUTES)
    return replace(place, lent=clone), Row("", "from nothing", "make install", status, seconds)


def ask_for_older(place: Place) -> None:
    """Bring main one version of transformers back, or what looks for newer ones might have nothing to say."""
    clone = place.folder / "older"
    make_clone(place.bare, clone, place.bare.as_uri())

    def back(text: str) -> str:
        return WINDOW.sub(lambda found: f"transformers>={found[1]}.{int(found[2]) - 1},<{found[1]}.{found[2]}", text)

    rewrite(clone, place.bare, "requirements.txt", back)


def main() -> int:
    """Run all, print the table, and return 1 where anything failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="lend the environment that is here; install none")
    parser.add_argument("--skip-long", action="store_true", help="leave out make test and .ci/run")
    parser.add_argument("--only", action="append", default=[], metavar="FILE", help="only this workflow; repeatable")
    given = parser.parse_args()
    rows: list[Row] = []
    with TemporaryDirectory(prefix="workflows-") as scratch:
        folder = Path(scratch).resolve()
        place = Place(folder, folder / "project.git", ROOT, given.skip_long)
        head = make_bare(ROOT, place.bare)
        with opened(ROOT, folder, place.bare, head) as world:
            if not given.quick:
                place, row = install(place, world.git.url)
                rows.append(row)
            for workflow in read_workflows(ROOT / ".github" / "workflows"):
                if given.only and workflow.name not in given.only:
                    continue
                if workflow.name == REFRESH:
                    ask_for_older(place)
                rows += run(world, place, workflow)
            print(f"\n{table(rows)}\n")
            print("\n".join(facts(world)))
    return int(any(row.failed for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
