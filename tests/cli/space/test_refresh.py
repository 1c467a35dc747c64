"""`microscope space refresh`, from looking to a pull request, over a folder of packages, Git by HTTP, and GitHub."""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from microscope.cli.space import refresh
from microscope.cli.space.context import Context, tell
from microscope.errors import UserError
from microscope.settings import Settings
from microscope.space.packages.pip import Pip
from microscope.space.retrying import Patience
from tests.cli.commands import Ran
from tests.hub.github.loopback_git import LoopbackGit
from tests.hub.github.loopback_github import LoopbackGitHub
from tests.space.clones import commit_all, git, make_clone
from tests.space.indexes import PROJECT, write_index

BRANCH = "refresh/dependencies"
NEWER = (("gradio", "6.32.0", ()), ("transformers", "5.24.1", ()))


@dataclass
class Job:
    """A clone of a project in a job of a workflow, its repository, and GitHub."""

    root: Path
    bare: Path
    github: LoopbackGitHub
    pip: Pip

    def run(self, *arguments: str, token: str | None = None) -> Ran:
        """Run the command as the command line does."""
        parser = argparse.ArgumentParser()
        refresh.add(parser.add_subparsers())
        environment = {**self.github.environment(), **({} if token is None else {"GITHUB_TOKEN": token})}
        context = Context(root=self.root, patience=Patience(sleep=lambda _: None))
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            given = parser.parse_args(["refresh", *arguments])
            try:
                status = given.run(given, Settings.from_environment(environment), context, self.pip)
            except UserError as error:
                tell(str(error))
                status = 1
        return Ran(status, out.getvalue(), err.getvalue())

    def files(self) -> dict[str, str]:
        return {name: (self.root / name).read_text(encoding="utf-8") for name in PROJECT}

    def pushed(self) -> str:
        return git(self.bare, "branch", "--list", BRANCH)


def job(folder: Path, newer: Sequence[tuple[str, str, Sequence[str]]]) -> Iterator[Job]:
    pip = write_index(folder / "index", *newer)
    bare, root = make_clone(folder, PROJECT)
    with LoopbackGitHub() as github, LoopbackGit(bare, github.token) as server:
        git(root, "remote", "set-url", "origin", server.url)
        yield Job(root, bare, github, pip)


@pytest.fixture
def newer(tmp_path: Path) -> Iterator[Job]:
    """Return a job for whose project there is something newer."""
    yield from job(tmp_path, NEWER)


@pytest.fixture
def same(tmp_path: Path) -> Iterator[Job]:
    """Return a job for whose project there is nothing newer."""
    yield from job(tmp_path, ())


def test_what_is_found_is_written_and_handed_on(newer: Job, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    outputs.write_text("before=1\n", encoding="utf-8")
    found = newer.run("--outputs", str(outputs))
    assert (found.status, found.err) == (0, "")
    assert found.out.splitlines()[0] == "gradio        ==6.31.0  ->  ==6.32.0"
    assert found.out.splitlines()[-1].startswith("Written to README.md and requirements.txt")
    assert outputs.read_text(encoding="utf-8") == "before=1\nchanges=gradio==6.32.0 transformers>=5.24,<5.25\n"
    assert "sdk_version: 6.32.0" in newer.files()["README.md"]
    assert "transformers>=5.24,<5.25\n" in newer.files()["requirements.txt"]
    assert newer.pushed() == ""


def test_a_dry_run_changes_nothing(newer: Job) -> None:
    found = newer.run("--dry-run", "--pull-request")
    assert (found.status, newer.files(), newer.pushed(), newer.github.pulls) == (0, PROJECT, "", [])
    assert found.out.splitlines()[-1] == "Nothing was changed: this was a dry run."


def test_nothing_newer_is_no_pull_request_and_no_failure(same: Job, tmp_path: Path) -> None:
    found = same.run("--pull-request", "--outputs", str(tmp_path / "outputs"))
    assert (found.status, same.files(), same.pushed(), same.github.pulls) == (0, PROJECT, "", [])
    assert found.out.splitlines()[-1] == "Nothing newer is allowed: nothing was changed."
    assert (tmp_path / "outputs").read_text(encoding="utf-8") == "changes=\n"


def test_a_pull_request_is_opened_once_and_then_brought_up_to_date(newer: Job) -> None:
    taken = ["--take", "gradio==6.32.0", "--pull-request", "--log", "https://github.example/run/7"]
    found = newer.run(*taken, "--tests", "failure")
    assert (found.status, found.err) == (0, "")
    assert found.out.splitlines()[-2:] == [f"Pushed to {BRANCH}.", f"Proposed: {newer.github.url}/pull/1"]
    assert newer.files() == PROJECT
    assert git(newer.bare, "diff", "--name-only", "main", BRANCH) == "README.md"
    (pull,) = newer.github.pulls
    assert (pull["head"]["ref"], pull["base"]["ref"]) == (BRANCH, "main")
    assert pull["title"] == "Refresh dependencies: gradio (tests do not pass)"
    assert "https://github.example/run/7" in pull["body"]
    found = newer.run(*taken, "--tests", "success")
    assert f"{BRANCH} has these changes already." in found.out
    assert [pull["title"] for pull in newer.github.pulls] == ["Refresh dependencies: gradio"]
    assert newer.github.token not in found.out


def test_a_push_alone_opens_nothing(newer: Job) -> None:
    assert newer.run("--take", "gradio==6.32.0", "--push").status == 0
    assert (bool(newer.pushed()), newer.github.pulls) == (True, [])


def test_files_of_one_s_own_are_not_taken_along(newer: Job) -> None:
    (newer.root / "requirements.txt").write_text("mine\n", encoding="utf-8")
    found = newer.run("--push")
    assert (found.status, newer.pushed()) == (1, "")
    assert "requirements.txt has changes that are not committed" in found.err


def test_what_is_refused_is_one_sentence(newer: Job) -> None:
    for arguments, token, said in (
        (["--take", "torch==9"], None, "no change that is allowed here"),
        (["--take", "gradio==6.32.0", "--pull-request"], "ghs_wrong", "contents: write"),
    ):
        found = newer.run(*arguments, token=token)
        assert (found.status, len(found.err.splitlines())) == (1, 1)
        assert said in found.err
        assert "ghs_wrong" not in found.err
    found = newer.run("--take", "gradio==6.32.0", "--outputs", str(newer.root / "nowhere" / "outputs"))
    assert (found.status, newer.files()) == (1, PROJECT)
    assert "outputs cannot be written (No such file or directory)" in found.err
    newer.run("--take", "gradio==6.32.0", "--push")
    git(newer.root, "remote", "set-url", "origin", str(newer.bare))
    git(newer.root, "fetch", "--quiet", "origin", BRANCH)
    git(newer.root, "checkout", "--quiet", "FETCH_HEAD")
    commit_all(newer.root, {"mended.py": "\n"}, "mend", BRANCH)
    git(newer.root, "checkout", "--quiet", "main")
    assert "Somebody has committed" in newer.run("--take", "gradio==6.32.0", "--push").err
