"""Carries an update of a duplicate out: one commit, then proof that it answers, and back where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from microscope.errors import UserError
from microscope.space.deploy import manifest_at
from microscope.space.errors import ConflictError
from microscope.space.hub import SpaceHub
from microscope.space.proving import Failure, Steps, Trial, proof_of, put_to_test
from microscope.space.restoring import put_back
from microscope.space.ship import Outcome, Shipped
from microscope.space.update import Action, Update
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

MARKS = {
    Action.ADD: "+",
    Action.REPLACE: "~",
    Action.MERGE: "m",
    Action.DELETE: "-",
    Action.KEEP: "=",
    Action.CONFLICT: "!",
}


def carry_out(hub: SpaceHub, update: Update, steps: Steps, watch: Watch) -> Shipped:
    """Make an update's changes and see that the Space answers; go back to what was there where it does not.

    Raises UserError where nothing was committed, a conflict among the reasons, and OvertakenError where somebody
    else's commit came on top.
    """
    release = update.release
    changes = update.changes()
    shipped = Shipped(
        outcome=Outcome.COMMITTED,
        space=hub.space,
        address=hub.host,
        version=release.version,
        digest=release.digest,
        commit=update.parent,
        previous=update.parent,
    )
    if update.empty:
        return replace(shipped, outcome=Outcome.UNCHANGED)
    settle(hub, watch)
    before = look(hub)
    if before.runtime.stage == PAUSED and steps.wait:
        raise UserError(
            f"{hub.space} is paused, so that nobody could see whether the update works; nothing was changed. Restart "
            f"it on {hub.page} and update again, or update with --no-wait."
        )
    commit = hub.commit(changes, f"Update to {release.version}", update.parent)
    watch.tell(f"{hub.space} was given commit {commit[:7]}: {hub.page}")
    shipped = replace(shipped, commit=commit)
    if not steps.wait:
        return shipped
    shipped = replace(shipped, tested=_see(hub, shipped, before, steps, watch))
    if shipped.tested.failure is None:
        return replace(shipped, outcome=Outcome.DEPLOYED)
    watch.tell(shipped.tested.failure.sentence)
    return _go_back(hub, shipped, steps, watch)


def table(update: Update) -> Iterator[str]:
    """Yield an update as lines for a terminal: + added, ~ replaced, m merged, - deleted, = kept, ! to be decided."""
    width = max((len(step.path) for step in update.steps), default=0)
    for step in update.steps:
        yield f"{MARKS[step.action]} {step.path:<{width}}  {step.why}".rstrip()
    counts = {action: sum(step.action is action for step in update.steps) for action in Action}
    told = ", ".join(f"{count} to {action.value}" for action, count in counts.items() if count)
    yield f"From {update.current} to {update.release.version} ({update.release.source}): {told or 'nothing to do'}."


def _see(hub: SpaceHub, shipped: Shipped, before: Before, steps: Steps, watch: Watch) -> Trial:
    """Wait until the commit runs, and test it."""
    proof = proof_of(hub, steps.digest_at, shipped.digest, manifest_at(hub, shipped.previous))
    try:
        wait_until_running(hub, shipped.commit, before, watch, proof)
    except DeployFailedError as error:
        return Trial(failure=Failure(str(error), error.log))
    return put_to_test(hub, steps.smoke, shipped.version, shipped.digest)


def _go_back(hub: SpaceHub, shipped: Shipped, steps: Steps, watch: Watch) -> Shipped:
    if not steps.rollback:
        note = f"It was left as it is; microscope space rollback {hub.space} goes back to {shipped.previous[:7]}."
        return replace(shipped, outcome=Outcome.FAILED, note=note)
    watch.tell(f"Going back to {shipped.previous[:7]}.")
    try:
        back = put_back(hub, shipped.previous, shipped.commit, steps, watch)
    except ConflictError as error:
        raise OvertakenError(
            f"{hub.space} does not work at commit {shipped.commit[:7]}, and another commit came on top before it was "
            "rolled back: nothing was rolled back."
        ) from error
    outcome = Outcome.ROLLED_BACK if back.tested.failure is None else Outcome.STUCK
    return replace(shipped, outcome=outcome, rollback=back.done.commit, rolled_back=back.tested)
