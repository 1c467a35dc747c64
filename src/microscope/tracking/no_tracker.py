"""No tracker: everything told to it is forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from microscope.tracking.base import Alert, CheckpointVersion, MetricPoint, Table, TrackedRun


@dataclass(frozen=True)
class NoLog:
    """A run that is written nowhere."""

    def metrics(self, points: Sequence[MetricPoint]) -> None:
        """Do nothing."""

    def table(self, table: Table) -> None:
        """Do nothing."""

    def alert(self, alert: Alert) -> None:
        """Do nothing."""

    def checkpoint(self, version: CheckpointVersion) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class NoTracker:
    """What is chosen where nothing shall be tracked."""

    key: str = "none"
    label: str = "No tracker"
    install: str = ""

    @contextmanager
    def start(self, run: TrackedRun, folder: Path) -> Iterator[NoLog]:  # noqa: ARG002 - the interface of its neighbours
        """Open nothing."""
        yield NoLog()


TRACKER = NoTracker()
