"""`microscope models`: what this machine offers."""

from __future__ import annotations

import argparse
import sys

from microscope.hardware import detect
from microscope.settings import Settings


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser(
        "models", help="list the checkpoints this machine offers, and what is wrong with others"
    )
    command.set_defaults(run=models)


def models(given: argparse.Namespace, settings: Settings) -> int:
    """Print the catalogue."""
    from microscope.catalog.build import build_catalog

    catalog = build_catalog(settings, detect(settings.platform))
    for spec in catalog.specs:
        print(f"{spec.key}\t{spec.label}\t{spec.source}\t{spec.revision or ''}")
    for entry in catalog.bad:
        print(f"not available: {entry.name}: {entry.reason}", file=sys.stderr)
    return 0
