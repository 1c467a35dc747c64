"""`microscope space wait`: until the newest commit of a Space runs, with its log meanwhile."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from microscope.cli.space.flags import add_timeout
from microscope.settings import Settings

if TYPE_CHECKING:
    from microscope.cli.space.context import Context


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser(
        "wait",
        help="wait until the newest commit runs, after a deploy with --no-wait",
        description="Exit status: 0 it runs; 1 it does not, the sentence has the cause and what to do; 2 misused.",
    )
    command.add_argument("space", metavar="OWNER/NAME", help="the Space")
    add_timeout(command, "how long at most")
    command.set_defaults(run=wait)


def wait(given: argparse.Namespace, settings: Settings, context: Context | None = None) -> int:
    """Wait, and say that it runs."""
    from microscope.cli.space.context import Context, tell_log
    from microscope.space.restoring import wait_for_head
    from microscope.space.waiting import DeployFailedError

    context = context or Context()
    hub = context.hub(given.space)
    watch = context.watch_of(given)
    try:
        commit = wait_for_head(hub, context.steps(), watch)
    except DeployFailedError as error:
        tell_log(hub.space, error.log)
        raise
    print(f"{hub.space} runs commit {commit[:7]}, at {hub.host}")
    return 0
