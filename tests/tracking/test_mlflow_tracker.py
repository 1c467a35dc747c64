"""MLflow is an extra; what is told to it is held against its own client by `make oracles`."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from microscope.errors import UserError
from microscope.tracking.base import CheckpointVersion
from microscope.tracking.mlflow_tracker import CHAMPION, TRACKER, MlflowLog
from tests.tracking.told import RUN


def test_without_its_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with (
        pytest.raises(UserError, match=r'MLflow is not installed: run pip install "\.\[mlflow\]"'),
        TRACKER.start(RUN, tmp_path / "runs"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


class Registry:
    """A model registry that keeps one model's versions, as MLflow's client has it."""

    def __init__(self) -> None:
        self.models: list[str] = []
        self.versions: list[SimpleNamespace] = []
        self.aliases: dict[str, str] = {}

    def search_registered_models(self, query: str) -> list[str]:
        return [name for name in self.models if query == f"name = '{name}'"]

    def create_registered_model(self, name: str) -> None:
        self.models.append(name)

    def search_model_versions(self, query: str) -> list[SimpleNamespace]:
        return [one for one in self.versions if query == f"name = '{one.name}'"]

    def create_model_version(self, name: str, source: str, run_id: str) -> SimpleNamespace:
        made = SimpleNamespace(name=name, source=source, run_id=run_id, version=str(len(self.versions) + 1), tags={})
        self.versions.append(made)
        return made

    def set_model_version_tag(self, name: str, number: str, key: str, value: str) -> None:
        (version,) = (one for one in self.versions if (one.name, one.version) == (name, number))
        version.tags[key] = value

    def set_registered_model_alias(self, name: str, alias: str, number: str) -> None:
        self.aliases[alias] = f"{name} {number}"

    def log_dict(self, run_id: str, facts: dict[str, Any], path: str) -> None:
        assert (run_id, path) == ("run-1", f"checkpoints/{facts['key']}/checkpoint.json")


def version(step: int, score: float, *, champion: bool = False) -> CheckpointVersion:
    return CheckpointVersion("tiny", f"step-{step}", "abc", f"weights-{step}", score, step, champion)


def test_the_same_weights_are_one_version_with_its_latest_score() -> None:
    registry = Registry()
    log = MlflowLog(SimpleNamespace(), registry, "run-1")  # type: ignore[arg-type]
    for told in (version(1, 0.5), version(2, 0.75, champion=True), version(1, 0.625)):
        log.checkpoint(told)
    assert [(one.version, one.tags["weights"], one.tags["score"]) for one in registry.versions] == [
        ("1", "weights-1", "0.625"),
        ("2", "weights-2", "0.75"),
    ]
    assert registry.versions[1].source == "runs:/run-1/checkpoints/step-2"
    assert registry.aliases == {CHAMPION: "tiny 2"}


def test_without_a_champion_the_alias_stays_where_it_is() -> None:
    registry = Registry()
    MlflowLog(SimpleNamespace(), registry, "run-1").checkpoint(version(1, 0.5))  # type: ignore[arg-type]
    assert registry.aliases == {}
