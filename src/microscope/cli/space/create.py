"""`microscope space create`: a new Space, without files yet, on the hardware that the README asks for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from microscope.errors import UserError
from microscope.settings import Settings

if TYPE_CHECKING:
    from microscope.cli.space.context import Context


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser(
        "create",
        help="create a Space; microscope space deploy then gives it its files",
        description=(
            "Creates the Space with its hardware, which a deploy cannot do. One that exists already is left as it is."
        ),
    )
    command.add_argument("space", metavar="OWNER/NAME", help="the Space to create")
    command.add_argument("--private", action="store_true", help="only its owner sees it")
    command.add_argument("--hardware", help="by default the suggested_hardware of README.md")
    command.add_argument("--sleep", metavar="SECONDS", help="sleep after so long without a visitor; -1: never")
    command.set_defaults(run=create)


def create(given: argparse.Namespace, settings: Settings, context: Context | None = None) -> int:
    """Create the Space, or say that there is one."""
    from microscope.cli.space.context import Context
    from microscope.space.configure import Wanted, check_sleep, price_of
    from microscope.space.names import hardware_name, sleep_seconds

    context = context or Context()
    hub = context.hub(given.space)
    hardware = hardware_name(given.hardware) if given.hardware else context.hardware()
    if hardware is None:
        raise UserError("README.md suggests no hardware: name it with --hardware, such as zero-a10g.")
    sleep = sleep_seconds(given.sleep) if given.sleep is not None else None
    check_sleep(Wanted(hardware=hardware, sleep_seconds=sleep), hardware)
    if hub.create(hardware=hardware, sleep_seconds=sleep, private=given.private):
        print(f"Created: {hub.page} on {hardware}, {price_of(hardware)}. Next: microscope space deploy {hub.space}")
        return 0
    print(
        f"{hub.space} exists already and was left as it is; microscope space configure {hub.space} changes hardware, "
        "sleep, variables and secrets."
    )
    return 0
