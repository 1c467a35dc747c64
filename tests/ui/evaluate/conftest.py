"""The Evaluate tab's actions over three embedded checkpoints and a stand-in that answers at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from microscope.catalog.build import build_catalog
from microscope.engine.build import Engine, build_engine
from microscope.hardware import detect
from microscope.settings import REPOSITORY, Settings
from microscope.storage.example_answers import ExampleAnswers
from microscope.storage.shares import ShareStore
from tests.ui.compare.conftest import visitor
from tests.ui.evaluate.samples import FakeEvaluator

if TYPE_CHECKING:
    from microscope.ui.evaluate.actions import EvaluateActions

__all__ = ["visitor"]

EVALSET = REPOSITORY / "assets" / "evalset"


@pytest.fixture(scope="session")
def engine(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Build an engine over the last three of the embedded checkpoints, which loads nothing here."""
    made = replace(settings, preset="cpu-basic", data=tmp_path_factory.mktemp("evaluate"))
    machine = detect(made.platform)
    catalog = build_catalog(made, machine)
    return build_engine(made, machine, replace(catalog, specs=catalog.specs[-3:]))


@pytest.fixture
def keys(engine: Engine) -> list[str]:
    """Return the keys of the catalogue, in its order."""
    return [spec.key for spec in engine.catalog.specs]


@pytest.fixture
def evaluator() -> FakeEvaluator:
    """Return a stand-in for what runs sets."""
    return FakeEvaluator()


@pytest.fixture
def actions(engine: Engine, evaluator: FakeEvaluator, tmp_path: Path) -> EvaluateActions:
    """Return the tab's actions over the stand-in."""
    from microscope.ui.compare.actions import Actions
    from microscope.ui.evaluate.actions import EvaluateActions

    shares = ShareStore(tmp_path / "shares", 10**8)
    compare = Actions(engine, (), EVALSET, ExampleAnswers(), shares)
    return EvaluateActions(evaluator, compare, EVALSET, offline=True)


@pytest.fixture
def chosen(keys: list[str]) -> Callable[..., list]:
    """Return what makes the fields' values, in the order in which handlers take them, with some of them changed."""

    def make(**changes: object) -> list:
        values = {
            "checkpoints": keys[-2:],
            "scorer": "exact",
            "new_tokens": 8,
            "limit": 0,
            "at_random": False,
            "early": False,
            "baseline": "",
            "margin": 0,
            "first": "",
            "first_levels": "",
            "second": "",
            "second_levels": "",
        }
        assert set(changes) <= set(values)
        return list((values | changes).values())

    return make
