"""Carries an update of a duplicate out: one commit, then proof that it answers, and back where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from microscope.space.hub import SpaceHub
from microscope.space.proving import Steps
from microscope.space.ship import Outcome, Shipped, ready, see_through
from microscope.space.update import Action, Update
from microscope.space.waiting import Watch

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
    before = ready(hub, steps, watch)
    commit = hub.commit(changes, f"Update to {release.version}", update.parent)
    watch.tell(f"{hub.space} was given commit {commit[:7]}: {hub.page}")
    return see_through(hub, replace(shipped, commit=commit), before, steps, watch)


def table(update: Update) -> Iterator[str]:
    """Yield an update as lines for a terminal: + added, ~ replaced, m merged, - deleted, = kept, ! to be decided."""
    width = max((len(step.path) for step in update.steps), default=0)
    for step in update.steps:
        yield f"{MARKS[step.action]} {step.path:<{width}}  {step.why}".rstrip()
    counts = {action: sum(step.action is action for step in update.steps) for action in Action}
    told = ", ".join(f"{count} to {action.value}" for action, count in counts.items() if count)
    yield f"From {update.current} to {update.release.version} ({update.release.source}): {told or 'nothing to do'}."
