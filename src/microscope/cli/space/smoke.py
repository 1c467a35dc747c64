"""`microscope space smoke`: what a person would check on a Space, from its health to a real answer."""

from __future__ import annotations

import argparse
import json
import logging
import re
from typing import TYPE_CHECKING

from microscope.errors import UserError
from microscope.settings import Settings

if TYPE_CHECKING:
    from microscope.cli.space.context import Context
    from microscope.space.smoke import Expected

PAGE = re.compile(r"https?://[^/]+/spaces/")


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser(
        "smoke",
        help="ask a running Space what a person would: health, page, a real answer",
        description=(
            "Of OWNER/NAME, what its repository holds must answer; at any other address, this copy's version. Exit "
            "status: 0 well, though there may be warnings; 1 not; 2 misused."
        ),
    )
    command.add_argument("space", metavar="OWNER/NAME|URL", help="the Space, or the address of a running app")
    command.add_argument("--wait", metavar="SECONDS", default="120", help="how long it may take to begin (120)")
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    command.set_defaults(run=smoke)


def smoke(given: argparse.Namespace, settings: Settings, context: Context | None = None) -> int:
    """Test, print what was found, and return the exit status."""
    from microscope.cli.space.context import Context, shown
    from microscope.space.findings import Status, worst
    from microscope.space.smoke import Limits
    from microscope.space.smoke import smoke as smoke_test

    if not re.fullmatch(r"\d{1,5}", given.wait, re.ASCII):
        raise UserError(f"--wait takes whole seconds, at most 99999, not {given.wait!r}.")
    # A line for every look would hide what was found.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    context = context or Context()
    address, expected, token = _where(given.space, context)
    limits = Limits(begin=float(given.wait), clock=context.watch.clock, pause=context.watch.pause)
    findings = smoke_test(address, expected, token=token, limits=limits, tell=context.watch.tell)
    status = worst(findings)
    if given.json:
        rows = [
            {"subject": one.subject, "status": one.status.value, "detail": one.detail, "advice": one.advice}
            for one in findings
        ]
        told = {"address": address, "version": expected.version, "digest": expected.digest}
        print(json.dumps({**told, "status": status.value, "findings": rows}, indent=1))
    else:
        for line in shown(findings):
            print(line)
    return int(status is Status.FAILED)


def _where(space: str, context: Context) -> tuple[str, Expected, str | None]:
    """Return the address, what must answer there, and the token to show: one that is not public needs it."""
    from microscope.space.deploy import manifest_at
    from microscope.space.smoke import Expected

    if space.startswith(("http://", "https://")) and not PAGE.match(space):
        return space, Expected(context.payload().version), None
    hub = context.hub(space)
    manifest = manifest_at(hub, hub.head())
    if manifest is None:
        raise UserError(
            f"{hub.space} does not say what should answer, for it was not deployed with microscope space deploy: "
            f"deploy to it, or name the address of its app instead, {hub.host}"
        )
    return hub.host, Expected(manifest.version, manifest.digest), context.token_for(hub.host)
