"""Sees through that an earlier revision of a Space is back: its files, that they run, and that they answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from microscope.errors import UserError
from microscope.space.deploy import manifest_at
from microscope.space.hub import Runtime, SpaceHub
from microscope.space.proving import Failure, Steps, Trial, proof_of, put_to_test
from microscope.space.rollback import AlteredError, RolledBack, check_files, roll_back
from microscope.space.waiting import Before, DeployFailedError, OvertakenError, Watch, look, wait_until_running

# How a Space stood is not known; whatever is seen after it counts, where the Hub does not tell which commit runs.
UNKNOWN = Before(Runtime(stage="", sha=None, hardware=None, requested=None, sleep_seconds=None))


@dataclass(frozen=True)
class Restored:
    """What came of putting a revision back: the commit, and what testing it found or why it does not do."""

    done: RolledBack
    tested: Trial = field(default_factory=Trial)


def put_back(hub: SpaceHub, target: str, head: str, steps: Steps, watch: Watch) -> Restored:
    """Put the files of `target` back on top of `head`, wait until that runs, and test it where it tells what it is.

    Raises UserError where nothing was committed, OvertakenError where somebody else's commit came on top.
    """
    before, address = look(hub), hub.host
    done = roll_back(hub, target, head)
    if done.empty:
        watch.tell(f"{hub.space} has the files of {target[:7]} already; nothing was committed.")
        return Restored(done)
    watch.tell(
        f"{hub.space} was given the files of {target[:7]} back, as commit {done.commit[:7]}: "
        f"{len(done.restored)} restored, {len(done.deleted)} deleted."
    )
    seen = "have the right files"
    try:
        check_files(hub, done)
        if not steps.wait:
            return Restored(done)
        seen = "run"
        return Restored(done, _see(hub, address, done, before, steps, watch))
    except AlteredError as error:
        failure = Failure(str(error))
    except DeployFailedError as error:
        failure = Failure(str(error), error.log)
    except OvertakenError as error:
        raise OvertakenError(
            f"{hub.space} was given the files of {target[:7]} back, and another commit came on top of that: another "
            "deploy took over."
        ) from error
    except UserError as error:
        failure = Failure(f"It could not be seen to {seen}. {error}")
    return Restored(done, Trial(failure=failure))


def wait_for_head(hub: SpaceHub, steps: Steps, watch: Watch) -> str:
    """Wait until the newest commit runs, whoever made it, and return it; raises what `wait_until_running` raises."""
    head = hub.head()
    manifest = manifest_at(hub, head)
    proof = proof_of(hub, steps.digest_at, manifest.digest, None) if manifest is not None else None
    wait_until_running(hub, head, UNKNOWN, watch, proof)
    return head


def _see(hub: SpaceHub, address: str, done: RolledBack, before: Before, steps: Steps, watch: Watch) -> Trial:
    manifest = manifest_at(hub, done.target)
    if manifest is None:
        wait_until_running(hub, done.commit, before, watch)
        if steps.smoke is not None:
            watch.tell("The smoke test is left out: that revision has no manifest to say what should answer.")
        return Trial()
    proof = proof_of(hub, steps.digest_at, manifest.digest, manifest_at(hub, done.head))
    wait_until_running(hub, done.commit, before, watch, proof)
    return put_to_test(hub, address, steps.smoke, manifest.version, manifest.digest)
