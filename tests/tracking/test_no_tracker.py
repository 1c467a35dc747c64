"""No tracker takes everything and writes nothing."""

from __future__ import annotations

from pathlib import Path

from microscope.tracking.no_tracker import TRACKER
from tests.tracking.told import RUN, tell


def test_everything_is_taken_and_nothing_written(tmp_path: Path) -> None:
    with TRACKER.start(RUN, tmp_path / "runs") as log:
        tell(log)
    assert list(tmp_path.iterdir()) == []
