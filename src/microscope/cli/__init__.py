"""The command line, `microscope ...`: what the page does, without a browser."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from microscope import __version__
from microscope.cli import answer, evaluate, examples, explain, export_requirements, models, space, tables, tiers, tiny
from microscope.errors import UserError
from microscope.settings import read_settings

# One file each, with `add(commands)`; in the order in which help lists them.
COMMANDS = (answer, explain, evaluate, models, tiers, space, export_requirements, examples, tables, tiny)
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0 done, 1 not (the sentence is on standard error), 2 misused.

    What else a command may return is its own; 130 where it was interrupted.
    """
    given = _parser().parse_args(arguments)
    try:
        settings = read_settings()
        logging.basicConfig(level=settings.log_level, format="%(levelname)s %(name)s: %(message)s")
        return given.run(given, settings)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="microscope", description="Compare vision-language checkpoints.")
    parser.add_argument("--version", action="version", version=f"microscope {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser
