"""The trackers: one file and one object each; a run of an evaluation is told to the one that was chosen."""

from microscope.errors import UserError
from microscope.tracking import mlflow_tracker, no_tracker, tensorboard_tracker, trackio_tracker, wandb_tracker
from microscope.tracking.base import Tracker

# The default comes first.
TRACKERS: tuple[Tracker, ...] = (
    trackio_tracker.TRACKER,
    wandb_tracker.TRACKER,
    mlflow_tracker.TRACKER,
    tensorboard_tracker.TRACKER,
    no_tracker.TRACKER,
)


def find_tracker(key: str) -> Tracker:
    """Return the tracker of a key; an unknown one is a `UserError`."""
    found = next((tracker for tracker in TRACKERS if tracker.key == key), None)
    if found is None:
        raise UserError(f"There is no tracker {key!r}; choose one of {', '.join(one.key for one in TRACKERS)}.")
    return found
