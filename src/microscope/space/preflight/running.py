"""Runs the checks before a deploy, so that none hides what another would find; knows no check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from microscope.errors import UserError
from microscope.space.findings import Finding, Status
from microscope.space.preflight.base import Check, Project, failed

# What waits for the network runs beside what computes.
SIMULTANEOUS = 3


def run_checks(
    project: Project,
    checks: Sequence[Check],
    *,
    quick: bool = False,
    offline: bool = False,
    tell: Callable[[str], None] = lambda _line: None,
) -> tuple[Finding, ...]:
    """Return what all checks find, in their order; `tell` is given the name of each slow one that begins."""
    run = partial(_run, project, quick=quick, offline=offline, tell=tell)
    with ThreadPoolExecutor(SIMULTANEOUS) as pool:
        try:
            return tuple(finding for found in pool.map(run, checks) for finding in found)
        finally:
            # Whoever is interrupted waits for no child.
            project.stop.set()


def _run(
    project: Project, check: Check, *, quick: bool, offline: bool, tell: Callable[[str], None]
) -> Sequence[Finding]:
    left_out = "--quick" if quick and check.slow else "--offline" if offline and check.network else ""
    if left_out:
        advice = f"Run microscope space check without {left_out} before a deploy."
        return (Finding(check.name, Status.SKIPPED, f"not looked at, for {left_out} leaves it out.", advice),)
    if check.slow:
        tell(f"Checking: {check.name} ...")
    try:
        return check.run(project)
    except UserError as error:
        return (failed(check.name, str(error), ""),)
    except UnicodeError as error:
        reason = f"A file, or its name, is no UTF-8 ({error})."
        return (failed(check.name, reason, "Save it as UTF-8, or rename it."),)
    except OSError as error:
        reason = f"{error.filename or 'a file'} cannot be read ({error.strerror})."
        return (failed(check.name, reason, "Correct who may read it, or remove it."),)
