"""Runs commands about a Space in this process, over a small project and a loopback Hub."""

from __future__ import annotations

import argparse
import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from typing import Protocol

from microscope.cli.space.context import Context, tell
from microscope.errors import UserError
from microscope.settings import Settings
from tests.cli.commands import Ran
from tests.space.shipping import World


class Command(Protocol):
    """A module that has a command."""

    def add(self, commands: argparse._SubParsersAction) -> None:
        """Add the command."""


def context_of(world: World, token: str | None = None) -> Context:
    """Return what a command has around it: the world's project, Hub, clock and smoke test."""
    return Context(
        root=world.root,
        endpoint=world.spaces.url,
        token=token or world.spaces.token,
        patience=world.patience,
        watch=replace(world.watch, tell=tell),
        smoke=world.visits.smoke,
        digest_at=lambda _address: None,
        checks=(),
    )


def run(
    world: World,
    command: Command,
    arguments: Sequence[str],
    context: Context | None = None,
    environment: Mapping[str, str] | None = None,
) -> Ran:
    """Run a command as the command line does, with the settings of an environment (None: an empty one)."""
    parser = argparse.ArgumentParser()
    inner = parser.add_subparsers()
    command.add(inner)
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        given = parser.parse_args(list(arguments))
        try:
            status = given.run(given, Settings.from_environment(environment or {}), context or context_of(world))
        except UserError as error:
            tell(str(error))
            status = 1
    return Ran(status, out.getvalue(), err.getvalue())
