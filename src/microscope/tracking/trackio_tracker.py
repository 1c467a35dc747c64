"""Trackio, the default: runs kept in a local folder, without an account or a network."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from microscope.errors import UserError
from microscope.tracking.base import (
    Alert,
    CheckpointVersion,
    MetricPoint,
    Table,
    TrackedRun,
    by_step,
    safe_name,
)
from microscope.tracking.pictures import drawn
from microscope.tracking.trackio_folder import project_name, speaking_aside, trackio_in


@dataclass(frozen=True)
class TrackioLog:
    """An open run of Trackio's."""

    trackio: ModuleType
    run: Any

    def metrics(self, points: Sequence[MetricPoint]) -> None:
        """Log the numbers of each step together."""
        for step, values in by_step(points):
            self.run.log(values, step=step)

    def table(self, table: Table) -> None:
        """Log a table under Media & Tables."""
        # By name: Trackio's table ignores its argument `rows`.
        rows = [
            dict(zip(table.columns, (drawn(self.trackio, cell) for cell in row), strict=True)) for row in table.rows
        ]
        self.run.log({table.name: self.trackio.Table(data=rows)}, step=table.step)

    def alert(self, alert: Alert) -> None:
        """Raise an alert, which the dashboard shows."""
        with speaking_aside():
            self.run.alert(alert.title, alert.text, self.trackio.AlertLevel(alert.level), step=alert.step)

    def checkpoint(self, version: CheckpointVersion) -> None:
        """Do nothing: the run's settings name the checkpoints and their weights."""


@dataclass(frozen=True)
class TrackioTracker:
    """Trackio in a local folder."""

    key: str = "trackio"
    label: str = "Trackio"
    install: str = ""

    @contextmanager
    def start(self, run: TrackedRun, folder: Path) -> Iterator[TrackioLog]:
        """Open a run in the SQLite file of its project; it is on disk when this ends, also by an exception."""
        trackio = trackio_in(folder)
        opened = _opened(trackio, run)
        try:
            yield TrackioLog(trackio, opened)
        finally:
            with speaking_aside():
                opened.finish()


def _opened(trackio: ModuleType, run: TrackedRun) -> Any:  # noqa: ANN401 - a run of the library's
    project = project_name(run.project)
    try:
        # A name with a suffix that Trackio's own files have.
        trackio.SQLiteStorage.validate_project_name(project)
    except ValueError as error:
        raise UserError(f"Trackio can keep no project named {project!r}; choose another name.") from error
    with speaking_aside():
        # Trackio ends the run that its context variables hold; in a copy of them each run has its own.
        return contextvars.copy_context().run(
            trackio.init,
            project=project,
            name=safe_name(run.name),
            group=run.group or None,
            config={**run.config, "tags": list(run.tags)},
            embed=False,
            auto_log_cpu=False,
            auto_log_gpu=False,
        )


TRACKER = TrackioTracker()
