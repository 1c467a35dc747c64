"""`microscope space refresh`: the newest versions that the rules allow, proven to resolve, and a pull request."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from microscope.errors import UserError
from microscope.settings import Settings

if TYPE_CHECKING:
    from microscope.cli.space.context import Context
    from microscope.space.packages.pip import Pip
    from microscope.space.refresh import Refreshed


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser(
        "refresh",
        help="bring the versions that a Space builds from up to date",
        description=(
            "Asks pip for the newest gradio, and the newest of the lines of requirements.txt that are exact or a "
            "window of one minor version, within their major version; writes those with which the build's line "
            "still resolves. torch stays. Exit status: 0 done, or nothing is newer; 1 not done, the sentence says "
            "why; 2 misused."
        ),
    )
    command.add_argument("--dry-run", action="store_true", help="only show what would change")
    command.add_argument("--outputs", metavar="FILE", help="add changes=..., what --take takes, to the end of a file")
    command.add_argument("--take", metavar="CHANGES", help="the changes of a run before, instead of looking")
    command.add_argument("--push", action="store_true", help="commit to the branch refresh/dependencies and push it")
    command.add_argument("--pull-request", action="store_true", help="the same, and open or update its pull request")
    command.add_argument("--tests", default="", metavar="RESULT", help="how the tests ended, for the pull request")
    command.add_argument("--log", default="", metavar="URL", help="where their log is, for the pull request")
    command.set_defaults(run=refresh)


def refresh(
    given: argparse.Namespace, settings: Settings, context: Context | None = None, pip: Pip | None = None
) -> int:
    """Look, write or push, and say what was done."""
    from microscope.cli.space.context import Context
    from microscope.space.github.branches import Checkout
    from microscope.space.packages.pip import Pip
    from microscope.space.refresh import BRANCH, README, REQUIREMENTS, Refresher, lines_of, message_of

    context = context or Context()
    checkout = Checkout(context.root, settings.github_token)
    push = (given.push or given.pull_request) and not given.dry_run
    if push and (changed := checkout.changed((README, REQUIREMENTS))):
        raise UserError(f"{changed[0]} has changes that are not committed: commit them, or put them aside, first.")
    refresher = Refresher(context.root, pip or Pip())
    found = refresher.look(given.take)
    for line in lines_of(found):
        print(line, flush=True)
    if given.outputs:
        _hand_on(Path(given.outputs), found)
    if not found.changes:
        print("Nothing newer is allowed: nothing was changed.")
    elif given.dry_run:
        print("Nothing was changed: this was a dry run.")
    elif push:
        new = checkout.push(checkout.commit(found.files, message_of(found)), BRANCH)
        print(f"Pushed to {BRANCH}." if new else f"{BRANCH} has these changes already.")
        if given.pull_request:
            print(f"Proposed: {_propose(found, given, settings, context)}")
    else:
        refresher.write(found)
        print("Written to README.md and requirements.txt; make test installs and tests it.")
    return 0


def _hand_on(outputs: Path, found: Refreshed) -> None:
    """Add the changes to the end of a file, for the next run to take."""
    try:
        with outputs.open("a", encoding="utf-8") as file:
            file.write(f"changes={' '.join(change.written for change in found.changes)}\n")
    except OSError as error:
        raise UserError(f"{outputs} cannot be written ({error.strerror}): name another with --outputs.") from error


def _propose(found: Refreshed, given: argparse.Namespace, settings: Settings, context: Context) -> str:
    """Open the pull request, or bring the open one up to date, and return its address."""
    from microscope.space.github.client import github_of
    from microscope.space.refresh import BRANCH, body_of, title_of

    for client in ("httpx", "httpx2"):
        logging.getLogger(client).setLevel(logging.WARNING)
    body = body_of(found, given.tests, given.log)
    return github_of(settings, context.patience).propose(BRANCH, title_of(found, given.tests), body).url
