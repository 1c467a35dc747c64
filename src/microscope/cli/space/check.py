"""`microscope space check`: everything that can be said of this copy before it is a Space, in one table."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from microscope.settings import Settings

if TYPE_CHECKING:
    from microscope.cli.space.context import Context
    from microscope.space.findings import Finding

STATUSES = "Exit status: 0 nothing failed; 1 something did, and its line says what to do; 2 misused."


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser("check", help="check this copy before a deploy", description=STATUSES)
    command.add_argument("--quick", action="store_true", help="leave out what takes longer than a moment")
    command.add_argument("--offline", action="store_true", help="leave out what asks the network")
    command.add_argument("--json", action="store_true", help="print what was found as JSON")
    command.set_defaults(run=check)


def check(given: argparse.Namespace, settings: Settings, context: Context | None = None) -> int:
    """Run the checks, print what they found, and return the exit status."""
    from microscope.cli.space.context import Context, shown
    from microscope.space.findings import Status, worst

    found = (context or Context()).check(quick=given.quick, offline=given.offline)
    if given.json:
        told = [
            {"subject": f.subject, "status": f.status.value, "detail": f.detail, "advice": f.advice} for f in found
        ]
        print(json.dumps(told, indent=1))
    else:
        for line in shown(found):
            print(line)
    status = 1 if worst(found) is Status.FAILED else 0
    print(summary(found), file=sys.stderr if given.json or status else sys.stdout, flush=True)
    return status


def summary(found: Sequence[Finding]) -> str:
    """Return what was found in one line."""
    from microscope.space.findings import Status

    counted = Counter(finding.status for finding in found)
    words = {
        Status.FAILED: "failed",
        Status.WARNING: "to look at",
        Status.SKIPPED: "left out",
        Status.OK: "as it should be" if counted[Status.OK] == 1 else "as they should be",
    }
    told = ", ".join(f"{counted[status]} {word}" for status, word in words.items() if counted[status])
    return f"{'Not ready' if counted[Status.FAILED] else 'Ready'}: {told}."
