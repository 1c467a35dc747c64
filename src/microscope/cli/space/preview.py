"""`microscope space preview`: a pull request on the one preview Space, and a comment on it that says so."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING

from microscope.cli.space.flags import add_no_check, add_proving
from microscope.errors import UserError
from microscope.settings import Settings

if TYPE_CHECKING:
    from microscope.cli.space.context import Context
    from microscope.space.ship import Shipped

DESCRIPTION = (
    "Checks this copy, deploys it to the preview Space, which all pull requests share, sees whether it answers, and "
    "writes one comment on the pull request or changes it. Nothing is rolled back. Exit status: 0 it answers, or "
    "nothing was to be done and the sentence says why; 1 it does not, or could not be deployed or told; 2 misused. "
    "GitHub's token is GITHUB_TOKEN's, the Hub's HF_TOKEN's, or a keyless one where HF_OIDC_RESOURCE is set."
)


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser(
        "preview", help="show a pull request on the preview Space, and tell it there", description=DESCRIPTION
    )
    command.add_argument("space", metavar="OWNER/NAME", help="the preview Space")
    command.add_argument(
        "--pull", metavar="N", default="", help="the pull request; without it nothing is told on GitHub"
    )
    command.add_argument(
        "--head", metavar="SHA", default="", help="the commit that this copy is; by default the newest"
    )
    command.add_argument("--ref", metavar="BRANCH", default="", help="its branch; by default the pull request's")
    command.add_argument("--close", action="store_true", help="deploy nothing: say that the pull request is closed")
    add_no_check(command)
    add_proving(command, rollback=False)
    command.set_defaults(run=preview)


def preview(given: argparse.Namespace, settings: Settings, context: Context | None = None) -> int:
    """Show the copy on the preview Space and say so, and return the exit status."""
    from microscope.cli.space.context import Context
    from microscope.space.github.client import github_of
    from microscope.space.github.comment import Push
    from microscope.space.preview import Previews, reason_against

    if given.head and not re.fullmatch(r"[0-9a-f]{7,40}", given.head):
        raise UserError(f"--head takes a commit, 7 to 40 hexadecimal digits, not {given.head!r}.")
    if given.pull and not re.fullmatch(r"[1-9]\d{0,8}", given.pull, re.ASCII):
        raise UserError(f"--pull takes the number of a pull request, not {given.pull!r}.")
    number = int(given.pull) if given.pull else None
    if given.close and number is None:
        raise UserError("--close is told on a pull request: give its number with --pull.")
    context = context or Context()
    hub, watch = context.hub(given.space), context.watch_of(given)
    if number is None:
        previews, push = Previews(hub, context.steps_of(given), watch), Push(None, given.head, given.ref)
        return report(previews.show(context.payload, push), push.name)
    github = github_of(settings, context.patience)
    previews = Previews(hub, context.steps_of(given), watch, github)
    if given.close:
        print(previews.close(number))
        return 0
    pull = github.pull(number)
    against = reason_against(pull, github.repository, given.head)
    if against:
        print(against)
        return 0
    push = Push(number, given.head or pull.head, given.ref or pull.branch)
    return report(previews.show(context.payload, push), push.name)


def report(shipped: Shipped, name: str) -> int:
    """Print findings, the log of a failure, and as the last line what happened; return the exit status."""
    from microscope.cli.space.context import shown, tell, tell_log
    from microscope.space.preview import result_of

    for line in shown(shipped.tested.findings):
        tell(line)
    failure = shipped.tested.failure
    if failure is not None:
        tell_log("the preview", failure.log)
    cause = f" {failure.sentence} It stays as it is; the next push takes its place." if failure is not None else ""
    at = f"version {shipped.version}, commit {shipped.commit[:7]}, at {shipped.address}"
    line = f"Preview of {name} on {shipped.space}, {at}: {result_of(shipped)}.{cause}"
    print(line, file=sys.stderr if shipped.status else sys.stdout, flush=True)
    return shipped.status
