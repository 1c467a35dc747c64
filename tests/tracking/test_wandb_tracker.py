"""W&B is an extra; what is told to it is read back from its own records by `make oracles`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from microscope.errors import UserError
from microscope.tracking.base import Alert, MetricPoint
from microscope.tracking.wandb_tracker import AXIS, TRACKER
from tests.tracking.told import RUN


def test_without_its_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with (
        pytest.raises(UserError, match=r'Weights & Biases is not installed: run pip install "\.\[wandb\]"'),
        TRACKER.start(RUN, tmp_path / "runs"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


class Run:
    """What the adapter uses of a run."""

    def __init__(self) -> None:
        self.logged: list[dict[str, Any]] = []
        self.alerts: list[tuple[str, str, str]] = []

    def define_metric(self, name: str, step_metric: str) -> None:
        assert (name, step_metric) == ("*", AXIS)

    def log(self, values: dict[str, Any]) -> None:
        self.logged.append(values)

    def alert(self, title: str, text: str, level: str) -> None:
        self.alerts.append((title, text, level))


@pytest.mark.parametrize(("key", "mode"), [(True, "online"), (False, "offline")])
def test_it_is_online_only_with_a_key_and_asks_nobody_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, key: bool, mode: str
) -> None:
    asked: dict[str, Any] = {}
    run = Run()

    @contextmanager
    def init(**given: object) -> Iterator[Run]:
        asked.update(given)
        yield run

    def login(*, prompt: bool, verify: bool) -> bool:
        assert not prompt
        assert not verify
        return key

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init, login=login, Settings=dict))
    with TRACKER.start(RUN, tmp_path / "runs") as log:
        log.metrics([MetricPoint("a", 1.0, 20), MetricPoint("a", 0.5, 10), MetricPoint("b", 2.0)])
        log.alert(Alert("x" * 80, "It scores less.", "warn"))
    assert (asked["mode"], asked["dir"], asked["project"]) == (mode, str(tmp_path / "runs"), "my scenes")
    # Its own steps cannot go back, so steps of training are a number among the others.
    assert run.logged == [{"b": 2.0}, {"a": 0.5, AXIS: 10}, {"a": 1.0, AXIS: 20}]
    assert run.alerts == [("x" * 63, "It scores less.", "WARN")]
