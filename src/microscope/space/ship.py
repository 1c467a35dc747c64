"""From a payload to a Space that is proven to answer, and back to the exact revision before where it is not.

How a Space is asked whether it works is given as functions; this module knows when to ask, and what follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from microscope.errors import UserError
from microscope.space.deploy import commit_plan, make_plan, manifest_at
from microscope.space.errors import ConflictError, RefusedError, UnreachableError
from microscope.space.findings import Finding, Status
from microscope.space.hub import SpaceHub
from microscope.space.payload import Payload
from microscope.space.proving import Failure, Steps, Trial, proof_of, put_to_test
from microscope.space.restoring import UNKNOWN, put_back
from microscope.space.waiting import (
    PAUSED,
    Before,
    DeployFailedError,
    OvertakenError,
    Watch,
    look,
    settle,
    wait_until_running,
)


class Outcome(str, Enum):
    """How it ended; each has its exit status."""

    UNCHANGED = "unchanged"
    COMMITTED = "committed"
    DEPLOYED = "deployed"
    FAILED = "failed"
    ROLLED_BACK = "rolled back"
    STUCK = "rollback failed"


STATUS = {Outcome.FAILED: 1, Outcome.ROLLED_BACK: 5, Outcome.STUCK: 6}


@dataclass(frozen=True)
class Shipped:
    """What happened: the commit that was made (the head, where nothing was), the one before, and what became of it.

    `tested` is of that commit, `rolled_back` of what went back on top as the commit `rollback` (None: nothing did).
    `note` says in one sentence why nothing was rolled back where nothing was. `first` tells that the Space held
    nothing before that could run.
    """

    outcome: Outcome
    space: str
    address: str
    version: str
    digest: str
    commit: str
    previous: str
    tested: Trial = field(default_factory=Trial)
    rollback: str | None = None
    rolled_back: Trial = field(default_factory=Trial)
    note: str = ""
    first: bool = False

    @property
    def status(self) -> int:
        """Return the exit status: 0 done, 1 it does not run or work, 5 rolled back, 6 what is back does not either."""
        return STATUS.get(self.outcome, 0)


def ship(hub: SpaceHub, payload: Payload, message: str, steps: Steps, watch: Watch) -> Shipped:
    """Deploy a payload, see that it answers, and go back to the revision before where it does not.

    Raises UserError where nothing was committed, and OvertakenError where somebody else's commit came on top.
    """
    if steps.preflight is not None:
        _refuse(steps.preflight())
    settle(hub, watch)
    plan = make_plan(hub, payload)
    shipped = Shipped(
        outcome=Outcome.COMMITTED,
        space=hub.space,
        address=hub.host,
        version=payload.version,
        digest=payload.digest,
        commit=plan.parent,
        previous=plan.parent,
        first=plan.first,
    )
    if plan.empty:
        watch.tell(f"{hub.space} has these files already, at commit {plan.parent[:7]}; nothing to deploy.")
        return _unchanged(hub, shipped, steps, watch)
    before = ready(hub, steps, watch)
    counts = f"{len(plan.added)} files to add, {len(plan.changed)} to change, {len(plan.deleted)} to delete"
    watch.tell(f"{counts}: {plan.bytes:,} bytes to upload.")
    shipped = replace(shipped, commit=commit_plan(hub, plan, message))
    watch.tell(f"{hub.space} was given commit {shipped.commit[:7]}: {hub.page}")
    return see_through(hub, shipped, before, steps, watch)


def ready(hub: SpaceHub, steps: Steps, watch: Watch) -> Before:
    """Return how the Space stands before a commit, once no other is on its way; a UserError where it is paused."""
    settle(hub, watch)
    before = look(hub)
    if before.runtime.stage == PAUSED and steps.wait:
        raise UserError(
            f"{hub.space} is paused, so that nobody could see whether it works; nothing was changed. Restart it on "
            f"{hub.page} and run the command again, or run it with --no-wait."
        )
    return before


def see_through(hub: SpaceHub, shipped: Shipped, before: Before, steps: Steps, watch: Watch) -> Shipped:
    """See that a commit that was made runs and works, and go back to the one before where it does not.

    Raises OvertakenError where somebody else's commit came on top, UserError where the commit cannot be watched.
    """
    if not steps.wait:
        return shipped
    shipped = replace(shipped, tested=_see(hub, shipped, before, steps, watch))
    if shipped.tested.failure is None:
        return replace(shipped, outcome=Outcome.DEPLOYED)
    watch.tell(shipped.tested.failure.sentence)
    return _go_back(hub, shipped, steps, watch)


def _refuse(findings: Sequence[Finding]) -> None:
    failed = [finding for finding in findings if finding.status is Status.FAILED]
    if failed:
        told = " ".join(
            f"{finding.subject}: {finding.detail.rstrip('.')}. {finding.advice}".strip() for finding in failed
        )
        raise UserError(f"This copy is not ready, and nothing was changed. {told}")


def _see(hub: SpaceHub, shipped: Shipped, before: Before, steps: Steps, watch: Watch) -> Trial:
    """Wait until the commit runs, and test it."""
    try:
        old = manifest_at(hub, shipped.previous)
    except UnreachableError:
        # Without it only a deploy of the very same digest could be taken for seen too early.
        old = None
    try:
        proof = proof_of(hub, steps.digest_at, shipped.digest, old)
        wait_until_running(hub, shipped.commit, before, watch, proof)
    except DeployFailedError as error:
        return Trial(failure=Failure(str(error), error.log))
    except RefusedError as error:
        raise UserError(
            f"{hub.space} was given commit {shipped.commit[:7]}, and could not be watched; nothing was rolled back. "
            f"{error}"
        ) from error
    return put_to_test(hub, shipped.address, steps.smoke, shipped.version, shipped.digest)


def _unchanged(hub: SpaceHub, shipped: Shipped, steps: Steps, watch: Watch) -> Shipped:
    """Wake what is there already, and test it; nothing was deployed, so nothing is rolled back."""
    tested = Trial()
    if steps.wait:
        try:
            proof = proof_of(hub, steps.digest_at, shipped.digest, None)
            wait_until_running(hub, shipped.commit, UNKNOWN, watch, proof)
            tested = put_to_test(hub, shipped.address, steps.smoke, shipped.version, shipped.digest)
        except DeployFailedError as error:
            tested = Trial(failure=Failure(str(error), error.log))
    if tested.failure is None:
        return replace(shipped, outcome=Outcome.UNCHANGED, tested=tested)
    note = "Nothing was deployed, so nothing was rolled back."
    return replace(shipped, outcome=Outcome.FAILED, tested=tested, note=note)


def _go_back(hub: SpaceHub, shipped: Shipped, steps: Steps, watch: Watch) -> Shipped:
    """Put back what was there before, and see that it runs."""
    if shipped.first:
        note = "This was the first deploy: there is nothing to go back to, and it was left as it is."
        return replace(shipped, outcome=Outcome.FAILED, note=note)
    if not steps.rollback:
        note = f"It was left as it is; microscope space rollback {hub.space} goes back to {shipped.previous[:7]}."
        return replace(shipped, outcome=Outcome.FAILED, note=note)
    watch.tell(f"Going back to {shipped.previous[:7]}.")
    try:
        back = put_back(hub, shipped.previous, shipped.commit, steps, watch)
    except ConflictError as error:
        raise OvertakenError(
            f"{hub.space} does not work at commit {shipped.commit[:7]}, and another commit came on top before it was "
            "rolled back: another deploy took over, and nothing was rolled back."
        ) from error
    except OvertakenError:
        raise
    except UserError as error:
        return replace(shipped, outcome=Outcome.STUCK, rolled_back=Trial(failure=Failure(str(error))))
    outcome = Outcome.ROLLED_BACK if back.tested.failure is None else Outcome.STUCK
    return replace(shipped, outcome=outcome, rollback=back.done.commit, rolled_back=back.tested)
