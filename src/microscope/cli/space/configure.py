"""`microscope space configure`: hardware, sleep, variables, secrets and a bucket of a Space, only what differs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from microscope.settings import Settings, environment_value

if TYPE_CHECKING:
    from microscope.cli.space.context import Context
    from microscope.space.configure import Wanted


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser(
        "configure",
        help="bring a Space's hardware, variables, secrets and bucket to what is wanted",
        description=(
            "Changes only what differs, and says each change; what is not spoken of stays. Most changes restart the "
            "app. Variables are public and copied with the Space; secrets are neither, and are set each time, for "
            "nobody can read them back."
        ),
    )
    command.add_argument("space", metavar="OWNER/NAME", help="the Space")
    command.add_argument(
        "--variable", action="append", default=[], metavar="NAME=VALUE", help="a public variable; may be repeated"
    )
    command.add_argument(
        "--secret",
        action="append",
        default=[],
        metavar="NAME",
        help="a secret, its value taken from the environment variable of that name; may be repeated",
    )
    command.add_argument("--hardware", help="by default the suggested_hardware of README.md")
    command.add_argument("--sleep", metavar="SECONDS", help="sleep after so long without a visitor; -1: never")
    command.add_argument(
        "--bucket", metavar="OWNER/BUCKET:/PATH", help="a storage bucket, mounted there, in which answers are kept"
    )
    command.add_argument("--dry-run", action="store_true", help="only say what would change")
    command.set_defaults(run=configure)


def configure(given: argparse.Namespace, settings: Settings, context: Context | None = None) -> int:
    """Make the changes, or say them."""
    from microscope.cli.space.context import Context
    from microscope.space.configure import apply, plan_configuration

    context = context or Context()
    hub = context.hub(given.space)
    steps = plan_configuration(hub, wanted_of(given, context))
    count = apply(steps, lambda line: print(line, flush=True), dry=given.dry_run)
    changes = f"{count} change{'' if count == 1 else 's'}"
    if not count:
        print(f"Nothing to change on {hub.space}.")
    elif given.dry_run:
        print(f"{changes} to make on {hub.space}; none was made, for this was a dry run.")
    else:
        print(f"{changes} made on {hub.space}.")
    return 0


def wanted_of(given: argparse.Namespace, context: Context) -> Wanted:
    """Return what the flags ask for; every mistake is a UserError before anything is changed."""
    from microscope.space.configure import Wanted
    from microscope.space.names import bucket_of, hardware_name, secret_names_of, sleep_seconds, variables_of

    return Wanted(
        hardware=hardware_name(given.hardware) if given.hardware else context.hardware(),
        sleep_seconds=sleep_seconds(given.sleep) if given.sleep is not None else None,
        variables=variables_of(given.variable),
        secrets={name: environment_value(name) for name in secret_names_of(given.secret)},
        bucket=bucket_of(given.bucket) if given.bucket is not None else None,
    )
