"""MLflow in a local SQLite file, with its model registry: every checkpoint is a version that names its weights."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from PIL import Image

from microscope.tracking.base import (
    Alert,
    Cell,
    CheckpointVersion,
    MetricPoint,
    Table,
    Thumbnail,
    TrackedRun,
    need,
    safe_name,
)

INSTALL = 'pip install ".[mlflow]"'
# What MLflow lets stand in a name, and how much of a setting it keeps.
NOT_IN_KEYS = re.compile(r"[^\w./ :-]+")
LONGEST_VALUE, MOST_AT_ONCE = 500, 100
CHAMPION = "champion"
WEIGHTS = "weights"


@dataclass(frozen=True)
class MlflowLog:
    """An open run of MLflow's."""

    mlflow: ModuleType
    client: Any
    run_id: str

    def metrics(self, points: Sequence[MetricPoint]) -> None:
        """Log numbers; a step that is not known is 0."""
        now = int(time.time() * 1000)
        metric = self.mlflow.entities.Metric
        made = [metric(_key(point.name), point.value, now, point.step or 0) for point in points]
        self.client.log_batch(self.run_id, metrics=made)

    def table(self, table: Table) -> None:
        """Log a table with its pictures as an artifact."""
        columns = zip(*table.rows, strict=True) if table.rows else [()] * len(table.columns)
        data = {name: [self._cell(cell) for cell in cells] for name, cells in zip(table.columns, columns, strict=True)}
        self.client.log_table(self.run_id, data=data, artifact_file=f"{safe_name(table.name)}.json")

    def alert(self, alert: Alert) -> None:
        """Write an alert as a tag of the run: MLflow has none."""
        self.client.set_tag(self.run_id, _key(f"alert.{alert.level}.{alert.title}"), alert.text)

    def checkpoint(self, version: CheckpointVersion) -> None:
        """Register a version of a model, or score anew the one with the same weights; a champion gets the alias.

        The weights stay where they are: the version's files say which they are.
        """
        name = safe_name(version.model)
        facts = {key: str(value) for key, value in asdict(version).items() if value is not None}
        number = self._version_of(name, version)
        if number is None:
            place = f"checkpoints/{safe_name(version.key)}"
            self.client.log_dict(self.run_id, facts, f"{place}/checkpoint.json")
            source = f"runs:/{self.run_id}/{place}"
            number = self.client.create_model_version(name, source, run_id=self.run_id).version
        for key, value in facts.items():
            self.client.set_model_version_tag(name, number, key, value)
        if version.champion:
            self.client.set_registered_model_alias(name, CHAMPION, number)

    def _version_of(self, name: str, version: CheckpointVersion) -> str | None:
        """Return the number of the version with these weights; None, and a model to add it to, where there is none."""
        quoted = name.replace("'", "")
        if not self.client.search_registered_models(f"name = '{quoted}'"):
            self.client.create_registered_model(name)
            return None
        found = self.client.search_model_versions(f"name = '{quoted}'")
        return next((one.version for one in found if one.tags.get(WEIGHTS) == version.weights), None)

    def _cell(self, cell: Cell) -> object:
        if isinstance(cell, Thumbnail):
            return self.mlflow.Image(Image.open(io.BytesIO(cell.png)))
        return cell


@dataclass(frozen=True)
class MlflowTracker:
    """MLflow without a server; look at it with `mlflow ui --backend-store-uri sqlite:///FOLDER/mlflow.db`."""

    key: str = "mlflow"
    label: str = "MLflow"
    install: str = INSTALL

    @contextmanager
    def start(self, run: TrackedRun, folder: Path) -> Iterator[MlflowLog]:
        """Open a run in `folder/mlflow.db`, its artifacts in `folder/artifacts`; it fails where the work fails."""
        mlflow = need("mlflow", self.label, INSTALL)
        _send_nothing(mlflow)
        folder = folder.expanduser().resolve()
        folder.mkdir(parents=True, exist_ok=True)
        store = f"sqlite:///{folder / 'mlflow.db'}"
        client = mlflow.MlflowClient(tracking_uri=store, registry_uri=store)
        project = safe_name(run.project)
        experiment = client.get_experiment_by_name(project)
        place = (folder / "artifacts" / project).as_uri()
        number = experiment.experiment_id if experiment else client.create_experiment(project, place)
        tags = {"tags": ", ".join(run.tags), "group": run.group}
        opened = client.create_run(number, run_name=run.name, tags={key: text for key, text in tags.items() if text})
        log = MlflowLog(mlflow, client, opened.info.run_id)
        params = [mlflow.entities.Param(_key(key), str(value)[:LONGEST_VALUE]) for key, value in run.config.items()]
        status = "FAILED"
        try:
            for start in range(0, len(params), MOST_AT_ONCE):
                client.log_batch(log.run_id, params=params[start : start + MOST_AT_ONCE])
            yield log
            status = "FINISHED"
        finally:
            client.set_terminated(log.run_id, status)


def _send_nothing(mlflow: ModuleType) -> None:
    """Stop MLflow's telemetry, which is on from its import; runs kept in a folder are nobody else's."""
    mlflow.environment_variables.MLFLOW_DISABLE_TELEMETRY.set("true")
    mlflow.telemetry.set_telemetry_client()


def _key(name: str) -> str:
    return NOT_IN_KEYS.sub("_", name)


TRACKER = MlflowTracker()
