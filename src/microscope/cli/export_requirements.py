"""`microscope export-requirements`: the full list of what a Space's build installs, pinned with hashes."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from microscope.errors import UserError
from microscope.settings import REPOSITORY, Settings


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser(
        "export-requirements", help="print all that a Space's build installs, pinned with hashes, for pip"
    )
    command.add_argument("--python", metavar="3.X", help="the Python it is for; by default the one README.md names")
    command.add_argument(
        "--variant", choices=("cpu", "cuda"), default="cuda", help="which wheels of torch; by default a Space's, cuda"
    )
    command.add_argument("--output", type=Path, metavar="FILE", help="write it to a file instead")
    command.set_defaults(run=export_requirements)


def export_requirements(given: argparse.Namespace, settings: Settings) -> int:
    """Print the list, or write it."""
    from microscope.space.front_matter import front_matter_of
    from microscope.space.packages.build_line import python_of
    from microscope.space.packages.pip import Pip
    from microscope.space.packages.requirements import requirements

    python = given.python or python_of(front_matter_of(REPOSITORY / "README.md"))
    if not re.fullmatch(r"3\.\d+(\.\d+)?", python):
        raise UserError(f"--python is {python}; give it a version such as 3.12.")
    if given.output and not given.output.parent.is_dir():
        raise UserError(f"There is no folder {given.output.parent} to write {given.output.name} in.")
    print(f"Asking pip what it would install for Python {python}: about a minute.", file=sys.stderr)
    text = requirements(REPOSITORY, Pip(), python, given.variant)
    if given.output is None:
        print(text, end="")
        return 0
    try:
        given.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{given.output} cannot be written ({error.strerror}): name another file.") from error
    print(f"Written to {given.output}.", file=sys.stderr)
    return 0
