"""What the commands about a Space have around them: the copy, the Hub, clocks; and how they tell what happens."""

from __future__ import annotations

import argparse
import logging
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from microscope import __version__
from microscope.errors import UserError
from microscope.settings import REPOSITORY
from microscope.space.findings import Finding, Status
from microscope.space.hub import FAILURES, Patience, SpaceHub
from microscope.space.names import space_name
from microscope.space.payload import Payload, read_payload
from microscope.space.preflight import CHECKS
from microscope.space.preflight.base import Check, Project, models_client
from microscope.space.preflight.running import run_checks
from microscope.space.proving import DigestAt, Smoke, Steps
from microscope.space.waiting import Watch

log = logging.getLogger("microscope")

VERSION = re.compile(r'^__version__ = "([^"]+)"', re.MULTILINE)
MOST_MINUTES = 24 * 60


def tell(line: str) -> None:
    """Write a line of progress at once, so that a log of a pipeline grows while it waits."""
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Context:
    """The copy of the project and the Hub that a command works with; by default this one, and the real one.

    `token` is the Hub's (None: as its library finds it). `smoke` and `digest_at` ask the app itself; None: over HTTP.
    `checks` are those before a deploy.
    """

    root: Path = REPOSITORY
    endpoint: str | None = None
    token: str | None = None
    patience: Patience = field(default_factory=Patience)
    watch: Watch = field(default_factory=lambda: Watch(tell=tell))
    smoke: Smoke | None = None
    digest_at: DigestAt | None = None
    checks: Sequence[Check] = CHECKS

    def hub(self, space: str) -> SpaceHub:
        """Return the Space that a command names; from then on its libraries are quiet, for our lines tell enough."""
        from huggingface_hub.utils import disable_progress_bars

        for client in ("httpx", "httpx2"):
            logging.getLogger(client).setLevel(logging.WARNING)
        disable_progress_bars()
        return SpaceHub(space_name(space), endpoint=self.endpoint, token=self.token, patience=self.patience)

    def payload(self) -> Payload:
        """Return what a Space is given of the copy, under the copy's own version."""
        module = self.root / "src" / "microscope" / "__init__.py"
        found = VERSION.search(module.read_text(encoding="utf-8")) if module.is_file() else None
        return read_payload(self.root, found[1] if found is not None else __version__)

    def check(self, *, quick: bool = False, offline: bool = False) -> tuple[Finding, ...]:
        """Return what the checks before a deploy find in the copy."""
        project = Project(self.root, hub=lambda: models_client(self.endpoint, self.token))
        return run_checks(project, self.checks, quick=quick, offline=offline, tell=self.watch.tell)

    def preflight(self) -> tuple[Finding, ...]:
        """Return what the checks find in the copy, and tell what is not as it should be."""
        found = self.check()
        for line in shown([finding for finding in found if finding.status is not Status.OK]):
            self.watch.tell(line)
        return found

    def steps(self, *, check: bool = False, wait: bool = True, smoke: bool = True, rollback: bool = True) -> Steps:
        """Return what is done around a commit."""
        return Steps(
            preflight=self.preflight if check else None,
            wait=wait,
            smoke=(self.smoke or self._smoke) if smoke else None,
            rollback=rollback,
            digest_at=self.digest_at or self._digest_at,
        )

    def steps_of(self, given: argparse.Namespace) -> Steps:
        """Return what is done around a commit as the flags say; only a command with --no-check has checks."""
        rollback = not getattr(given, "no_rollback", False)
        check = not getattr(given, "no_check", True)
        return self.steps(check=check, wait=not given.no_wait, smoke=not given.no_smoke, rollback=rollback)

    def watch_of(self, given: argparse.Namespace) -> Watch:
        """Return how it is waited, and how long at most as the flags say; a UserError where that is no time."""
        return replace(self.watch, timeout_seconds=minutes(given.timeout))

    def hardware(self) -> str | None:
        """Return the hardware that the copy's README asks for, or None."""
        from microscope.space.expected import asked_tier

        asked = asked_tier(self.root / "README.md")
        return asked.name if asked is not None else None

    def token_for(self, address: str) -> str | None:
        """Return the token to show to the app at an address: none to one that answers without, which is public."""
        from microscope.space.answering import digest_at

        return None if digest_at(address) is not None else self._token()

    def _token(self) -> str | None:
        """Return the Hub's token, None where there is none or it cannot be had: the app is then asked without one."""
        from huggingface_hub import get_token

        try:
            # A job without a key of its own exchanges its identity for one, over the network.
            return self.token or get_token()
        except FAILURES as error:
            log.debug("no token to show to the app: %s", type(error).__name__)
            return None

    def _smoke(self, address: str, version: str, digest: str) -> Sequence[Finding]:
        from microscope.space.smoke import Expected, smoke

        return smoke(address, Expected(version, digest), token=self.token_for(address), tell=self.watch.tell)

    def _digest_at(self, address: str) -> str | None:
        from microscope.space.answering import digest_at

        return digest_at(address) or digest_at(address, self._token())


def minutes(text: str) -> float:
    """Return a number of minutes as seconds."""
    if re.fullmatch(r"\d{1,4}(\.\d{1,3})?", text, re.ASCII) and 0 < float(text) <= MOST_MINUTES:
        return float(text) * 60
    raise UserError(f"--timeout takes minutes, more than 0 and at most {MOST_MINUTES}, not {text!r}.")


def shown(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return findings as lines, each with what to do next where something is to be done; all can be printed."""
    lines = (
        f"{finding.status.value:<8} {finding.subject}: {finding.detail}"
        + (f" {finding.advice}" if finding.advice else "")
        for finding in findings
    )
    # A name of a file may be no text.
    return tuple(line.encode(errors="backslashreplace").decode() for line in lines)


def tell_log(of: str, lines: Sequence[str]) -> None:
    """Write the end of a log, indented below whose it is."""
    if lines:
        tell(f"The end of the log of {of}:")
    for line in lines:
        tell(f"  {line}")
