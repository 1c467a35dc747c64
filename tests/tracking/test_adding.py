"""A tracker is added the way the manual says: what stands there runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from microscope import tracking
from microscope.tracking.base import Destination
from tests.adding import shown
from tests.tracking.told import RUN, tell


def test_a_tracker_is_one_file_with_one_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tracker = shown("A file of lines", tmp_path).TRACKER
    monkeypatch.setattr(tracking, "TRACKERS", (*tracking.TRACKERS, tracker))
    with Destination(tracking.find_tracker("lines"), tmp_path, "scenes").start(RUN) as log:
        tell(log)
    assert "score/mean" in capsys.readouterr().out
