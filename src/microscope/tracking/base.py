"""What is told to a tracker, as plain data, and the interface that every tracker has; knows no tracker's library."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Protocol

from microscope.errors import UserError

INFO, WARN, ERROR = "info", "warn", "error"
LONGEST_NAME = 120
NOT_IN_NAMES = re.compile(r"[^\w .:@+-]+")


@dataclass(frozen=True)
class Thumbnail:
    """A small picture in a table's cell: the bytes of a PNG file, and what it shows."""

    png: bytes = field(repr=False)
    caption: str = ""


Cell = str | int | float | bool | Thumbnail | None
Setting = str | int | float | bool | None


@dataclass(frozen=True)
class TrackedRun:
    """A run as a tracker lists it: one line of a chart, under a project.

    `config` is flat: settings by name, such as `settings.seed`. Runs of one evaluation share a `group`.
    """

    project: str
    name: str
    config: Mapping[str, Setting] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    group: str = ""


@dataclass(frozen=True)
class MetricPoint:
    """A number under a name such as `score/mean`, at a step of training; None where there is none."""

    name: str
    value: float
    step: int | None = None


@dataclass(frozen=True)
class Table:
    """Rows of cells under the names of columns; every row has a cell for each."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    step: int | None = None


@dataclass(frozen=True)
class Alert:
    """A sentence that somebody should read: `level` is `info`, `warn` or `error`."""

    title: str
    text: str
    level: str = WARN
    step: int | None = None


@dataclass(frozen=True)
class CheckpointVersion:
    """A checkpoint for a model registry: a version of `model`, which is the training run, or the checkpoint alone.

    `revision` and `weights` say exactly which it is. `champion` holds for the best of its model where that is
    separated from all its other versions.
    """

    model: str
    key: str
    revision: str
    weights: str
    score: float
    step: int | None = None
    champion: bool = False


class RunLog(Protocol):
    """A run that is open for writing."""

    def metrics(self, points: Sequence[MetricPoint]) -> None:
        """Write numbers; those of one step belong together."""
        ...

    def table(self, table: Table) -> None:
        """Write a table with its pictures."""
        ...

    def alert(self, alert: Alert) -> None:
        """Raise an alert, or write it down where the tracker has none."""
        ...

    def checkpoint(self, version: CheckpointVersion) -> None:
        """Register a checkpoint where the tracker has a model registry; otherwise do nothing."""
        ...


class Tracker(Protocol):
    """A tracker: its key, its name for people, and the runs that it writes."""

    @property
    def key(self) -> str:
        """Return what it is chosen by."""
        ...

    @property
    def label(self) -> str:
        """Return its name for people."""
        ...

    @property
    def install(self) -> str:
        """Return the command that installs its library; empty where it is there already."""
        ...

    def start(self, run: TrackedRun, folder: Path) -> AbstractContextManager[RunLog]:
        """Open a run that keeps its files in a folder of the tracker's own, and finish it at the end.

        A library that is not installed is a `UserError` that says what to install.
        """
        ...


@dataclass(frozen=True)
class Destination:
    """Where runs go: the tracker, its folder, and the project they belong to."""

    tracker: Tracker
    folder: Path
    project: str

    def start(self, run: TrackedRun) -> AbstractContextManager[RunLog]:
        """Open a run."""
        return self.tracker.start(run, self.folder)


def need(library: str, label: str, command: str) -> ModuleType:
    """Import a tracker's library; one that is not installed is a `UserError` with the command that installs it."""
    try:
        return import_module(library)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != library.partition(".")[0]:
            raise
        raise UserError(
            f"{label} is not installed: run {command} in the app’s folder (on a Space, add it to requirements.txt), "
            "or choose another tracker."
        ) from error


def by_step(points: Iterable[MetricPoint]) -> list[tuple[int | None, dict[str, float]]]:
    """Return the numbers of each step by name, in order of steps; those without a step come first."""
    steps: dict[int | None, dict[str, float]] = {}
    for point in points:
        steps.setdefault(point.step, {})[point.name] = point.value
    return sorted(steps.items(), key=lambda entry: (entry[0] is not None, entry[0] or 0))


def safe_name(name: str) -> str:
    """Return a name that may be a part of a path and a title everywhere: trackers make folders of names."""
    kept = NOT_IN_NAMES.sub("-", name).strip(" .-")
    return kept[:LONGEST_NAME].rstrip(" .-") or "unnamed"
