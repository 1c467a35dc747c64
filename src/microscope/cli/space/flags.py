"""The flags that several commands about a Space have; brings in no library, for help shows them all."""

from __future__ import annotations

import argparse


def add_no_check(command: argparse.ArgumentParser) -> None:
    """Add the flag for what comes before a commit, and with it the checks."""
    command.add_argument("--no-check", action="store_true", help="leave out microscope space check")


def add_proving(command: argparse.ArgumentParser, *, rollback: bool = True) -> None:
    """Add the flags for what follows a commit; a command's context reads them."""
    then = "wait, test or rollback" if rollback else "wait, no test"
    command.add_argument("--no-wait", action="store_true", help=f"stop after the commit: no {then}")
    command.add_argument("--no-smoke", action="store_true", help="do not ask the app once it runs")
    if rollback:
        command.add_argument("--no-rollback", action="store_true", help="leave it there although it does not work")
    add_timeout(command, "how long to wait until it runs")


def add_timeout(command: argparse.ArgumentParser, meaning: str) -> None:
    """Add the flag for how long to wait at most."""
    command.add_argument("--timeout", metavar="MINUTES", default="45", help=f"{meaning} (45)")
