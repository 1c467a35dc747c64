"""The flags that commands about a Space share, and what a command's context makes of them."""

from __future__ import annotations

import argparse

import pytest

from microscope.cli.space.context import Context
from microscope.cli.space.flags import add_no_check, add_proving, add_timeout
from microscope.errors import UserError


def given(*arguments: str, rollback: bool = True) -> argparse.Namespace:
    """Return what a command with the flags reads."""
    parser = argparse.ArgumentParser()
    add_proving(parser, rollback=rollback)
    return parser.parse_args(arguments)


def test_everything_follows_a_commit_unless_it_is_left_out() -> None:
    steps = Context().steps_of(given())
    assert (steps.wait, steps.smoke is not None, steps.rollback) == (True, True, True)
    steps = Context().steps_of(given("--no-wait", "--no-smoke", "--no-rollback"))
    assert (steps.wait, steps.smoke, steps.rollback) == (False, None, False)


def test_a_rollback_has_no_flag_against_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert Context().steps_of(given("--no-smoke", rollback=False)).smoke is None
    with pytest.raises(SystemExit):
        given("--no-rollback", rollback=False)
    assert "--no-rollback" in capsys.readouterr().err


def test_only_a_command_with_the_flag_has_checks() -> None:
    parser = argparse.ArgumentParser()
    add_no_check(parser)
    add_proving(parser)
    assert Context().steps_of(parser.parse_args([])).preflight is not None
    assert Context().steps_of(parser.parse_args(["--no-check"])).preflight is None
    assert Context().steps_of(given()).preflight is None


def test_the_time_is_in_minutes_and_has_bounds() -> None:
    parser = argparse.ArgumentParser()
    add_timeout(parser, "how long")
    assert Context().watch_of(parser.parse_args([])).timeout_seconds == 45 * 60
    assert Context().watch_of(parser.parse_args(["--timeout", "1.5"])).timeout_seconds == 90
    with pytest.raises(UserError, match="--timeout takes minutes"):
        Context().watch_of(parser.parse_args(["--timeout", "soon"]))
