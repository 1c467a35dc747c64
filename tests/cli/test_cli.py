"""The command line itself: usage, version, exit statuses of what no command can do."""

from __future__ import annotations

import pytest

from microscope import __version__
from microscope.cli import COMMANDS, INTERRUPTED, main, models
from tests.cli.commands import EXPLAIN, IMAGE, KEYS, ran


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["answer", "--image", IMAGE, "--question", "What?"],
        ["explain", "--image", IMAGE, "--question", "What?"],
        [*EXPLAIN, KEYS[0], "--token", "first"],
        ["evaluate", "--models", KEYS[0], "--out", "reports"],
        ["evaluate", "--set", "embedded", "--models", KEYS[0]],
        ["evaluate", "--set", "embedded", "--models", KEYS[0], "--out", "reports", "--limit", "few"],
        ["evaluate", "--set", "embedded", "--models", KEYS[0], "--out", "reports", "--baseline"],
        ["tables"],
        ["tables", "--write", "--check"],
        ["tiny"],
        ["tiny", "evaluate", "--split", "both"],
    ],
    ids=lambda arguments: " ".join(arguments[:1] + arguments[-2:]) or "nothing",
)
def test_a_misused_command_exits_with_2_and_shows_its_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_of:
        main(arguments)
    assert exit_of.value.code == 2
    assert "usage: microscope" in capsys.readouterr().err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    printed = capsys.readouterr().out
    assert len(COMMANDS) == 10
    for command in COMMANDS:
        assert command.__name__.rpartition(".")[2].replace("_", "-") in printed


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"microscope {__version__}\n"


def test_a_bad_variable_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROSCOPE_QUEUE_SIZE", "many")
    found = ran("models")
    assert (found.status, found.out) == (1, "")
    assert "MICROSCOPE_QUEUE_SIZE" in found.err
    assert len(found.err.splitlines()) == 1


def test_an_interrupted_command_says_so_and_has_a_status_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_machine: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(models, "detect", interrupted)
    found = ran("models")
    assert (found.status, found.err) == (INTERRUPTED, "Stopped.\n")
