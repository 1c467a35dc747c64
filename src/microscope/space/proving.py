"""How a Space is asked whether what answers is what was deployed, and works; the asking itself is given to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from microscope.errors import UserError
from microscope.space.causes import tail
from microscope.space.errors import UnreachableError
from microscope.space.findings import Finding, Status, worst
from microscope.space.hub import SpaceHub
from microscope.space.payload import Manifest
from microscope.space.waiting import Proof, lines_of

# Given the app's address and the version and digest that should answer there.
Smoke = Callable[[str, str, str], Sequence[Finding]]
# Given the app's address, tells the digest that it says it has; None where nothing answers.
DigestAt = Callable[[str], str | None]


@dataclass(frozen=True)
class Steps:
    """What is done around a commit: `preflight` before it, then the wait, the smoke test, the way back.

    None leaves out a check; without `wait` nothing follows the commit. `digest_at` is asked where the Hub does not
    tell which commit runs.
    """

    preflight: Callable[[], Sequence[Finding]] | None = None
    wait: bool = True
    smoke: Smoke | None = None
    rollback: bool = True
    digest_at: DigestAt | None = None


@dataclass(frozen=True)
class Failure:
    """Why a revision does not do: the sentence, and the end of its log, safe to print."""

    sentence: str
    log: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trial:
    """What a smoke test found, and why the revision does not do, if so."""

    findings: tuple[Finding, ...] = ()
    failure: Failure | None = None


def proof_of(hub: SpaceHub, digest_at: DigestAt | None, new: str, old: Manifest | None) -> Proof | None:
    """Return what tells whether the digest `new` answers, or None where nothing can tell it from what was there."""
    if digest_at is None or (old is not None and old.digest == new):
        return None

    def proof() -> bool | None:
        try:
            told = digest_at(hub.host)
        except UnreachableError:
            return None
        return None if told is None else told == new

    return proof


def put_to_test(hub: SpaceHub, address: str, smoke: Smoke | None, version: str, digest: str) -> Trial:
    """Ask the app that runs; without a smoke test there is nothing to find.

    `address` is the one that it had before, for a Hub that does not tell where it is now.
    """
    if smoke is None:
        return Trial()
    # A Hub in trouble is no reason to take back what runs.
    with suppress(UserError):
        address = hub.host
    try:
        findings = tuple(smoke(address, version, digest))
    except UserError as error:
        return Trial((), Failure(f"{hub.space} runs and could not be tested: {error}", tail(lines_of(hub, "run"))))
    if worst(findings) is not Status.FAILED:
        return Trial(findings)
    failed = [finding for finding in findings if finding.status is Status.FAILED]
    told = "; ".join(f"{finding.subject}: {finding.detail.rstrip('.')}" for finding in failed)
    return Trial(findings, Failure(f"{hub.space} runs and does not work: {told}.", tail(lines_of(hub, "run"))))
