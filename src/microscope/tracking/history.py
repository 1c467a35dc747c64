"""Reads back what Trackio kept in a folder, as plain data that a page can draw; writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microscope.errors import UserError
from microscope.tracking.base import Alert
from microscope.tracking.trackio_folder import library, project_name, trackio_in

TIMES = ("timestamp", "step")


@dataclass(frozen=True)
class PastAlert:
    """An alert and when it was raised, ISO 8601 in UTC."""

    alert: Alert
    when: str


@dataclass(frozen=True)
class PastRun:
    """A run as Trackio kept it: `metrics` are (step, value) by name, in order of steps; `when` it began, ISO 8601."""

    project: str
    name: str
    id: str
    when: str
    group: str
    config: Mapping[str, Any]
    metrics: Mapping[str, tuple[tuple[int, float], ...]]
    alerts: tuple[PastAlert, ...]


def past_projects(folder: Path) -> tuple[str, ...]:
    """Return the projects that have runs in a folder; none where Trackio kept nothing."""
    return tuple(_storage(folder).get_projects())


def past_runs(folder: Path, project: str, most: int = 50) -> tuple[PastRun, ...]:
    """Return the latest runs of a project, the latest first; an unknown project is a `UserError`."""
    trackio, storage, name = trackio_in(folder), _storage(folder), project_name(project)
    if name not in past_projects(folder):
        raise UserError(f"Nothing was tracked under the project {project!r} yet; run an evaluation first.")
    found = sorted(trackio.Api().runs(name), key=_begun, reverse=True)
    return tuple(_read(storage, run) for run in found[:most])


def _storage(folder: Path) -> Any:  # noqa: ANN401 - a class of the library's
    trackio_in(folder)
    return library("trackio.sqlite_storage").SQLiteStorage


def _begun(run: Any) -> str:  # noqa: ANN401 - a run of the library's
    return str((run.config or {}).get("_Created", ""))


def _read(storage: Any, run: Any) -> PastRun:  # noqa: ANN401 - of the library
    metrics: dict[str, list[tuple[int, float]]] = {}
    for row in storage.get_logs(run.project, run.name, run_id=run.id, scalar_only=True):
        for name, value in row.items():
            if name not in TIMES and isinstance(value, int | float):
                metrics.setdefault(name, []).append((int(row["step"]), float(value)))
    config = run.config or {}
    alerts = (
        PastAlert(Alert(one["title"], one["text"] or "", one["level"], one["step"]), one["timestamp"])
        for one in run.alerts()
    )
    return PastRun(
        project=run.project,
        name=run.name,
        id=run.id,
        when=_begun(run),
        group=str(config.get("_Group") or ""),
        config={name: value for name, value in config.items() if not name.startswith("_")},
        metrics={name: tuple(sorted(points, key=lambda point: point[0])) for name, points in metrics.items()},
        alerts=tuple(alerts),
    )
