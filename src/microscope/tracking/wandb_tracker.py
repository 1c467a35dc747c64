"""Weights & Biases: online with a key, and otherwise into a local folder that `wandb sync` sends later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from microscope.tracking.base import (
    Alert,
    CheckpointVersion,
    MetricPoint,
    Table,
    TrackedRun,
    by_step,
    need,
    safe_name,
)
from microscope.tracking.pictures import drawn

INSTALL = 'pip install ".[wandb]"'
# W&B's own limits.
LONGEST_TITLE, LONGEST_TAG = 63, 64
# W&B's steps only ever grow; a metric of our own is the axis instead, and keeps steps that come in any order.
AXIS = "training_step"


@dataclass(frozen=True)
class WandbLog:
    """An open run of W&B's."""

    wandb: ModuleType
    run: Any

    def metrics(self, points: Sequence[MetricPoint]) -> None:
        """Log the numbers of each step together, over the step of training."""
        for step, values in by_step(points):
            self.run.log(values if step is None else {**values, AXIS: step})

    def table(self, table: Table) -> None:
        """Log a table with its pictures."""
        rows = [[drawn(self.wandb, cell) for cell in row] for row in table.rows]
        logged = {table.name: self.wandb.Table(columns=list(table.columns), data=rows, allow_mixed_types=True)}
        self.run.log(logged if table.step is None else {**logged, AXIS: table.step})

    def alert(self, alert: Alert) -> None:
        """Raise an alert, which W&B sends on as its user has set it."""
        self.run.alert(alert.title[:LONGEST_TITLE], alert.text, level=alert.level.upper())

    def checkpoint(self, version: CheckpointVersion) -> None:
        """Do nothing: the run's settings name the checkpoints and their weights."""


@dataclass(frozen=True)
class WandbTracker:
    """W&B: online where its library finds a key (`wandb login`, or its own variable), and offline otherwise."""

    key: str = "wandb"
    label: str = "Weights & Biases"
    install: str = INSTALL

    @contextmanager
    def start(self, run: TrackedRun, folder: Path) -> Iterator[WandbLog]:
        """Open a run whose files are in `folder/wandb`; nothing is asked of anybody."""
        wandb = need("wandb", self.label, INSTALL)
        folder.mkdir(parents=True, exist_ok=True)
        settings = wandb.Settings(console="off", quiet=True, silent=True, disable_git=True, save_code=False)
        with wandb.init(
            project=safe_name(run.project),
            name=run.name,
            group=run.group or None,
            config=dict(run.config),
            tags=[tag[:LONGEST_TAG] for tag in run.tags if tag],
            dir=str(folder),
            mode="online" if wandb.login(prompt=False, verify=False) else "offline",
            reinit="create_new",
            settings=settings,
        ) as opened:
            opened.define_metric("*", step_metric=AXIS)
            yield WandbLog(wandb, opened)


TRACKER = WandbTracker()
