"""`microscope space rollback`: the files of an earlier commit of a Space again, proven to answer."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from microscope.cli.space.flags import add_proving
from microscope.settings import Settings

if TYPE_CHECKING:
    from microscope.cli.space.context import Context

NOT_RUNNING = 6


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser(
        "rollback",
        help="put an earlier commit's files back",
        description=(
            "Makes one commit on top whose files are exactly the earlier one's; history stays. Asked again, it goes "
            "back further. Exit status: 0 back, and proven to answer where that revision says what it is; 1 not "
            "done; 2 misused; 6 back, and it does not work."
        ),
    )
    command.add_argument("space", metavar="OWNER/NAME", help="the Space")
    command.add_argument("--to", metavar="COMMIT", help="which; by default or empty: the one before what is there")
    add_proving(command, rollback=False)
    command.set_defaults(run=rollback)


def rollback(given: argparse.Namespace, settings: Settings, context: Context | None = None) -> int:
    """Roll back, print what came of it, and return the exit status."""
    from microscope.cli.space.context import Context, shown, tell, tell_log
    from microscope.space.restoring import put_back
    from microscope.space.rollback import find_target

    context = context or Context()
    watch = context.watch_of(given)
    hub = context.hub(given.space)
    head = hub.head()
    target = find_target(hub, given.to or None, watch.tell)
    back = put_back(hub, target, head, context.steps_of(given), watch)
    for line in shown(back.tested.findings):
        tell(line)
    if back.tested.failure is not None:
        tell_log("what is back", back.tested.failure.log)
        print(
            f"Rolled back to {target[:7]}, and it does not work: {back.tested.failure.sentence} To go back further, "
            "run this again.",
            file=sys.stderr,
        )
        return NOT_RUNNING
    if back.done.empty:
        print(f"Nothing to do: {hub.space} has the files of {target[:7]} already.")
    else:
        seen = "; nobody has seen it run" if given.no_wait else ", and runs"
        print(f"Rolled back: {hub.space} has the files of {target[:7]} again, commit {back.done.commit[:7]}{seen}.")
    return 0
