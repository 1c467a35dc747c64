"""`microscope space deploy`: this copy onto a Space, proven to answer there, and back when it does not."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microscope.cli.space.flags import add_no_check, add_proving
from microscope.settings import Settings

if TYPE_CHECKING:
    from microscope.cli.space.context import Context
    from microscope.space.deploy import Plan
    from microscope.space.proving import Trial
    from microscope.space.ship import Shipped

LONGEST_TITLE = 120
GIT_SECONDS = 10
STATUSES = (
    "Exit status: 0 deployed and proven to answer, or unchanged; 1 not done, the sentence says why (also: deployed, "
    "does not work, and not rolled back, for it was the first deploy or --no-rollback was given); 2 misused; 5 "
    "deployed, does not work, and rolled back to the exact revision before; 6 the same, and what is back does not "
    "work either. The Hub's token is HF_TOKEN's, or a keyless one where HF_OIDC_RESOURCE is set."
)


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser(
        "deploy", help="deploy this copy, see that it answers, roll back if it does not", description=STATUSES
    )
    command.add_argument("space", metavar="OWNER/NAME", help="the Space")
    command.add_argument("--dry-run", action="store_true", help="only show what would change")
    command.add_argument("--message", help="the commit's message; by default Deploy, version and the copy's commit")
    add_no_check(command)
    add_proving(command)
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    command.set_defaults(run=deploy)


def deploy(given: argparse.Namespace, settings: Settings, context: Context | None = None) -> int:
    """Deploy, print what came of it, and return the exit status."""
    from microscope.cli.space.context import Context
    from microscope.space.configure import hardware_remark
    from microscope.space.deploy import title
    from microscope.space.ship import ship

    context = context or Context()
    watch = context.watch_of(given)
    hub, payload = context.hub(given.space), context.payload()
    if given.dry_run:
        return _dry_run(given, context)
    for line in hardware_remark(hub.space, context.hardware(), hub.runtime()):
        watch.tell(line)
    message = _message(given.message) or title(payload.version, revision_of(context.root))
    shipped = ship(hub, payload, message, context.steps_of(given), watch)
    return report(shipped, as_json=given.json)


def report(shipped: Shipped, *, as_json: bool) -> int:
    """Print findings, logs of failures, and as the last line what happened; return the exit status."""
    from microscope.cli.space.context import shown, tell, tell_log

    for what, tested in (("the deploy", shipped.tested), ("the rollback", shipped.rolled_back)):
        for line in shown(tested.findings):
            tell(line)
        if tested.failure is not None:
            tell_log(what, tested.failure.log)
    if as_json:
        print(json.dumps(record(shipped), indent=1))
    print(summary(shipped), file=sys.stderr if as_json or shipped.status else sys.stdout, flush=True)
    return shipped.status


def summary(shipped: Shipped) -> str:
    """Return what happened in one line."""
    from microscope.space.ship import Outcome

    at = f"commit {shipped.commit[:7]}"
    failed = shipped.tested.failure.sentence if shipped.tested.failure is not None else ""
    if shipped.outcome is Outcome.UNCHANGED:
        return f"Unchanged: {shipped.space} has version {shipped.version} already, at {at}."
    if shipped.outcome is Outcome.COMMITTED:
        return f"Committed: {shipped.space} was given version {shipped.version}, {at}; nobody has seen it run."
    if shipped.outcome is Outcome.DEPLOYED:
        return f"Deployed: {shipped.space} runs version {shipped.version}, {at}, at {shipped.address}"
    if shipped.outcome is Outcome.FAILED:
        return f"Failed: {failed} {shipped.note}"
    if shipped.outcome is Outcome.ROLLED_BACK:
        return f"Rolled back: {shipped.space} has the files of {shipped.previous[:7]} again, and runs. {failed}"
    again = shipped.rolled_back.failure.sentence if shipped.rolled_back.failure is not None else ""
    return f"Not rolled back: {shipped.space} does not work. {failed} Going back to {shipped.previous[:7]}: {again}"


def record(shipped: Shipped) -> dict[str, Any]:
    """Return what happened as data that JSON can carry."""
    return {
        "outcome": shipped.outcome.value,
        "status": shipped.status,
        "space": shipped.space,
        "address": shipped.address,
        "version": shipped.version,
        "digest": shipped.digest,
        "commit": shipped.commit,
        "previous": shipped.previous,
        "tested": _tested(shipped.tested),
        "rollback": shipped.rollback,
        "rolled_back": _tested(shipped.rolled_back),
        "note": shipped.note,
    }


def revision_of(root: Path) -> str | None:
    """Return the short commit of the copy, marked where files differ from it; None where Git tells none."""
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None
    command = [git, "-C", str(root), "describe", "--always", "--dirty", "--exclude=*", "--abbrev=7"]
    try:
        found = subprocess.run(  # noqa: S603  (Git itself, with arguments of our own)
            command, capture_output=True, text=True, check=False, timeout=GIT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return None
    return found.stdout.strip() or None if found.returncode == 0 else None


def _dry_run(given: argparse.Namespace, context: Context) -> int:
    """Show what a deploy would change, and whether the hardware is what the README asks for."""
    from microscope.space.configure import hardware_line
    from microscope.space.deploy import make_plan, table

    hub = context.hub(given.space)
    plan = make_plan(hub, context.payload())
    hardware = hardware_line(hub.space, context.hardware(), hub.runtime())
    if given.json:
        print(json.dumps(_planned(plan, hardware), indent=1))
        return 0
    for line in table(plan):
        print(line)
    print(hardware)
    print("Nothing to deploy." if plan.empty else "Nothing was changed: this was a dry run.")
    return 0


def _planned(plan: Plan, hardware: str) -> dict[str, Any]:
    changes = {"added": plan.added, "changed": plan.changed, "deleted": plan.deleted}
    return {
        "parent": plan.parent,
        "version": plan.payload.version,
        "digest": plan.payload.digest,
        **{name: [{"path": d.path, "bytes": d.size} for d in differences] for name, differences in changes.items()},
        "unchanged": plan.unchanged,
        "kept": list(plan.kept),
        "bytes": plan.bytes,
        "hardware": hardware,
    }


def _message(given: str | None) -> str:
    """Return a message on one line, not longer than a title; the Hub shows no more of it."""
    return " ".join((given or "").split())[:LONGEST_TITLE]


def _tested(tested: Trial) -> dict[str, Any]:
    failure = tested.failure
    return {
        "findings": [
            {"subject": f.subject, "status": f.status.value, "detail": f.detail, "advice": f.advice}
            for f in tested.findings
        ],
        "failure": failure and {"sentence": failure.sentence, "log": list(failure.log)},
    }
