"""`microscope space smoke` against a real Gradio server, by its address and by the Space's name."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from microscope.cli.space import smoke as command
from microscope.cli.space.context import Context
from microscope.errors import UserError
from microscope.settings import read_settings
from microscope.space.asking import KNOWN
from microscope.space.hub import Patience
from microscope.space.waiting import Watch
from tests.hub.spaces.loopback_spaces import LoopbackSpaces
from tests.space.scripted_app import HEALTHY, VERSION, Script, reply, scripted
from tests.space.versions import SPACE, contents, version


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, Script]]:
    """Serve one app for the module."""
    with scripted() as given:
        given[1].answer = lambda: reply(KNOWN.answer)
        yield given


@pytest.fixture
def hub() -> Iterator[LoopbackSpaces]:
    """Serve a Hub."""
    with LoopbackSpaces() as hub:
        yield hub


def smoked(hub: LoopbackSpaces, root: Path, *arguments: str, token: str | None = None) -> int:
    """Run the command in a copy of the project, on a Hub, with a clock that only pauses move."""
    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers())
    now = [0.0]
    watch = Watch(clock=lambda: now[0], pause=lambda seconds: now.__setitem__(0, now[0] + seconds))
    patience = Patience(sleep=lambda _: None)
    context = Context(root, hub.url, token or hub.token, patience, watch)
    return command.smoke(parser.parse_args(["smoke", *arguments]), read_settings(), context)


def test_a_space_is_tested_for_what_its_repository_holds(
    hub: LoopbackSpaces, served: tuple[str, Script], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, script = served
    payload = version(tmp_path, VERSION)
    hub.create(SPACE, contents(payload), private=True)
    hub.host(SPACE, url)
    script.health, script.token = [(200, {**HEALTHY, "digest": payload.digest})], hub.token
    assert smoked(hub, tmp_path, SPACE) == 0
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["ok", "ok", "ok"]
    assert err == ""
    script.token = ""


def test_another_version_is_a_failure_told_as_data(
    hub: LoopbackSpaces, served: tuple[str, Script], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, script = served
    script.health = [(200, HEALTHY)]
    payload = version(tmp_path, "9.9.9")
    hub.create(SPACE, contents(payload))
    hub.host(SPACE, url)
    assert smoked(hub, tmp_path, f"https://huggingface.co/spaces/{SPACE}", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["address"], told["version"], told["digest"], told["status"]) == (
        url,
        "9.9.9",
        payload.digest,
        "failed",
    )
    assert [finding["status"] for finding in told["findings"]] == ["failed", "skipped", "skipped"]


def test_an_address_is_tested_for_this_copys_version_and_gets_no_token(
    hub: LoopbackSpaces, served: tuple[str, Script], tmp_path: Path
) -> None:
    url, script = served
    script.health = [(200, {**HEALTHY, "digest": None})]
    version(tmp_path, VERSION)
    script.headers.clear()
    assert smoked(hub, tmp_path, url) == 0
    assert hub.token not in json.dumps(script.headers)
    assert hub.requests == []


def test_a_space_that_does_not_say_what_it_is_cannot_be_tested_by_name(hub: LoopbackSpaces, tmp_path: Path) -> None:
    hub.create(SPACE, {"app.py": b""})
    with pytest.raises(UserError, match="does not say what should answer"):
        smoked(hub, tmp_path, SPACE)


@pytest.mark.parametrize("seconds", ["soon", "-1", "1.5", ""])
def test_a_time_that_is_none_is_refused(hub: LoopbackSpaces, tmp_path: Path, seconds: str) -> None:
    with pytest.raises(UserError, match="--wait takes whole seconds"):
        smoked(hub, tmp_path, SPACE, f"--wait={seconds}")
    assert hub.requests == []


def test_it_gives_up_in_time_and_says_why_without_a_line_for_every_look(
    hub: LoopbackSpaces, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    version(tmp_path, VERSION)
    assert smoked(hub, tmp_path, "http://127.0.0.1:1", "--wait", "30") == 1
    out, _ = capsys.readouterr()
    assert "Nothing answers (ConnectError at http://127.0.0.1:1/health). Look at the Space's run log" in out
    assert [record for record in caplog.records if record.name.startswith("http")] == []
