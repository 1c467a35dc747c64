"""`microscope space ...`: from a copy of this project to a Space, and back; one file a command."""

from __future__ import annotations

import argparse

from microscope.cli.space import check, configure, create, deploy, preview, refresh, rollback, smoke, update, wait

# One file each, with `add(commands)`; in the order in which help lists them.
COMMANDS = (check, create, configure, deploy, wait, smoke, rollback, preview, update, refresh)


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command and its own commands."""
    parser = commands.add_parser(
        "space", help="check, create, configure, deploy, preview, roll back, update, refresh a Space"
    )
    inner = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(inner)
