"""`microscope space update`: a duplicate on a loopback Hub, from a checkout and from another Space."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from microscope.cli.space import update as command
from microscope.cli.space.context import Context
from microscope.errors import UserError
from microscope.settings import read_settings
from microscope.space.findings import Finding, Status
from microscope.space.hub import Patience
from microscope.space.waiting import Watch
from tests.hub.spaces.loopback_spaces import LoopbackSpaces
from tests.space.versions import NEXT, SPACE, TEMPLATE, contents, version


@dataclass
class Desk:
    """A Hub with a duplicate of version 1, and a checkout of version 2."""

    hub: LoopbackSpaces
    root: Path
    now: float = 0.0
    works: bool = True

    def update(self, *arguments: str) -> int:
        parser = argparse.ArgumentParser()
        command.add(parser.add_subparsers())
        watch = Watch(clock=lambda: self.now, pause=self.pause)
        patience = Patience(sleep=lambda _: None)
        context = Context(self.root, self.hub.url, self.hub.token, patience, watch, self.smoke, lambda _: None)
        return command.update(parser.parse_args(["update", *arguments]), read_settings(), context)

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def smoke(self, _address: str, number: str, _digest: str) -> tuple[Finding, ...]:
        ill = number == "2.0.0" and not self.works
        return (Finding("Answer", Status.FAILED if ill else Status.OK, "It was asked.", "Roll back." if ill else ""),)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Serve a Hub."""
    version(tmp_path / "new", "2.0.0", NEXT, gradio="6.31.0")
    with LoopbackSpaces() as hub:
        hub.create(SPACE, contents(version(tmp_path / "old", "1.0.0")))
        yield Desk(hub, tmp_path / "new")


def test_a_duplicate_gets_this_version(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.update(SPACE) == 0
    out, _ = capsys.readouterr()
    assert "~ src/microscope/engine.py" in out
    assert out.splitlines()[-1].startswith(f"Deployed: {SPACE} runs version 2.0.0")
    assert desk.hub.tree(SPACE)["src/microscope/engine.py"] == b"engine = 2\n"


def test_a_dry_run_changes_nothing(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    head = desk.hub.head(SPACE)
    assert desk.update(SPACE, "--dry-run", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["from"], told["to"], told["conflicts"]) == ("1.0.0", "2.0.0", [])
    assert {"path": "src/microscope/scoring.py", "action": "delete", "why": ""} in told["steps"]
    assert desk.update(SPACE, "--dry-run") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Nothing was changed: this was a dry run."
    assert desk.hub.head(SPACE) == head


def test_another_space_can_be_the_template(desk: Desk, tmp_path: Path) -> None:
    desk.hub.create(TEMPLATE, contents(version(tmp_path / "third", "3.0.0", NEXT)))
    first = desk.hub.head(TEMPLATE)
    desk.hub.commit(TEMPLATE, contents(version(tmp_path / "fourth", "4.0.0", NEXT)))
    assert desk.update(SPACE, "--from", f"{TEMPLATE}@{first}") == 0
    assert b"3.0.0" in desk.hub.tree(SPACE)["src/microscope/__init__.py"]
    assert desk.update(SPACE, "--from", TEMPLATE) == 0
    assert b"4.0.0" in desk.hub.tree(SPACE)["src/microscope/__init__.py"]


def test_conflicts_are_listed_and_decided(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    head = desk.hub.commit(SPACE, {"src/microscope/engine.py": b"mine\n"})
    with pytest.raises(UserError, match="--keep"):
        desk.update(SPACE)
    assert "! src/microscope/engine.py" in capsys.readouterr().out
    assert desk.hub.head(SPACE) == head
    assert desk.update(SPACE, "--keep") == 0
    assert desk.hub.tree(SPACE)["src/microscope/engine.py"] == b"mine\n"


def test_the_templates_file_wins_where_that_is_asked(desk: Desk) -> None:
    desk.hub.commit(SPACE, {"src/microscope/engine.py": b"mine\n"})
    assert desk.update(SPACE, "--overwrite") == 0
    assert desk.hub.tree(SPACE)["src/microscope/engine.py"] == b"engine = 2\n"


def test_an_update_that_does_not_work_is_taken_back_with_its_own_status(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    before = desk.hub.tree(SPACE)
    desk.works = False
    assert desk.update(SPACE) == 5
    assert desk.hub.tree(SPACE) == before
    assert "Rolled back" in capsys.readouterr().err


def test_both_ways_to_decide_are_too_many(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        desk.update(SPACE, "--keep", "--overwrite")
    assert "not allowed with argument --keep" in capsys.readouterr().err
