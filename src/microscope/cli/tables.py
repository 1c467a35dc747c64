"""`microscope tables`: the generated parts of README.md."""

from __future__ import annotations

import argparse

from microscope.errors import UserError
from microscope.settings import REPOSITORY, Settings


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser("tables", help="the generated parts of README.md")
    choice = command.add_mutually_exclusive_group(required=True)
    choice.add_argument("--write", action="store_true", help="rewrite them")
    choice.add_argument("--check", action="store_true", help="fail where they are stale")
    command.set_defaults(run=tables_command)


def tables_command(given: argparse.Namespace, settings: Settings) -> int:
    """Rewrite the tables, or say that they are stale."""
    from microscope.documentation import (
        endpoints_table,
        families_table,
        methods_table,
        render,
        scorers_table,
        tables,
        trackers_table,
    )
    from microscope.evaluation.scoring import SCORERS
    from microscope.lens.families import FAMILIES
    from microscope.lens.methods import METHODS
    from microscope.tracking import TRACKERS
    from microscope.ui.app import build

    readme = REPOSITORY / "README.md"
    current = readme.read_text(encoding="utf-8")
    parts = {
        **tables(REPOSITORY),
        "endpoints": endpoints_table(build(settings).demo.get_api_info()),
        "methods": methods_table(METHODS),
        "families": families_table(FAMILIES),
        "scorers": scorers_table(SCORERS),
        "trackers": trackers_table(TRACKERS),
    }
    fresh = render(current, parts)
    if given.check and fresh != current:
        raise UserError("The generated parts of README.md are stale; run make tables and commit what it changes.")
    if given.write:
        readme.write_text(fresh, encoding="utf-8")
    return 0
