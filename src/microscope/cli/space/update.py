"""`microscope space update`: a later version of the template into a duplicate, which stays its owner's."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from microscope.cli.space.flags import add_proving
from microscope.settings import Settings

if TYPE_CHECKING:
    from microscope.cli.space.context import Context
    from microscope.space.release import Release
    from microscope.space.update import Update

DESCRIPTION = (
    "What you never changed becomes the new version's; models.yaml, your README's text, settings, and files that you "
    "added stay. A file that you and the template both changed is a conflict: it is told, and nothing is done unless "
    "--keep or --overwrite decides. A Space that a repository deploys to is updated there, not here. Exit status: 0 "
    "updated and proven to answer, or nothing to do; 1 not done, the sentence says why; 2 misused; 5 updated, does "
    "not work, and rolled back; 6 the same, and what is back does not work either."
)


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser(
        "update", help="bring a later version of the template into a duplicate", description=DESCRIPTION
    )
    command.add_argument("space", metavar="OWNER/NAME", help="the duplicate")
    command.add_argument(
        "--from", dest="source", metavar="OWNER/TEMPLATE[@REVISION]", help="another Space; by default this copy"
    )
    command.add_argument("--dry-run", action="store_true", help="only show what would change")
    conflicts = command.add_mutually_exclusive_group()
    conflicts.add_argument("--keep", action="store_true", help="where both changed a file, keep yours")
    conflicts.add_argument("--overwrite", action="store_true", help="where both changed a file, take the template's")
    command.add_argument("--force", action="store_true", help="also to an older version")
    add_proving(command)
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    command.set_defaults(run=update)


def update(given: argparse.Namespace, settings: Settings, context: Context | None = None) -> int:
    """Update, print what came of it, and return the exit status."""
    from microscope.cli.space.context import Context
    from microscope.cli.space.deploy import report
    from microscope.space.update import Choice, plan_update
    from microscope.space.updating import carry_out, table

    context = context or Context()
    watch = context.watch_of(given)
    hub, release = context.hub(given.space), _release(given.source, context)
    choice = Choice.KEEP if given.keep else Choice.OVERWRITE if given.overwrite else Choice.ASK
    plan = plan_update(hub, release, choice, force=given.force)
    for line in table(plan):
        print(line, file=sys.stderr if given.json else sys.stdout)
    if given.dry_run:
        if given.json:
            print(json.dumps(_planned(plan), indent=1))
        else:
            print("Nothing was changed: this was a dry run.")
        return 0
    return report(carry_out(hub, plan, context.steps_of(given), watch), as_json=given.json)


def _release(source: str | None, context: Context) -> Release:
    from microscope.space.release import checkout_release, space_release

    if source is None:
        return checkout_release(context.payload())
    space, _, revision = source.partition("@")
    return space_release(context.hub(space), revision or None)


def _planned(plan: Update) -> dict[str, Any]:
    return {
        "parent": plan.parent,
        "from": plan.current,
        "to": plan.release.version,
        "source": plan.release.source,
        "conflicts": list(plan.conflicts),
        "steps": [{"path": step.path, "action": step.action.value, "why": step.why} for step in plan.steps],
    }
