"""The Lens tab's actions over three embedded checkpoints and one whose files are gone, shared by the tab's tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from microscope.catalog.build import build_catalog
from microscope.engine.build import Engine, build_engine
from microscope.hardware import detect
from microscope.lens.build import build_lens
from microscope.lens.lens import Lens
from microscope.lens.task import lens_task
from microscope.records import AnswerRequest
from microscope.settings import Settings
from microscope.storage.example_answers import ExampleAnswers
from microscope.storage.shares import ShareStore
from microscope.tiny.examples import read_examples
from tests.ui.compare.conftest import EXAMPLES, own_image, visitor

if TYPE_CHECKING:
    from microscope.ui.lens.actions import LensActions
    from microscope.ui.lens.view import Look

__all__ = ["own_image", "visitor"]

# One that is often wrong, one on the way, and one that is nearly always right.
STEPS = (300, 2000, 6000)
RUN = "scenes"
GONE = "gone"


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """Let nobody wait for a core that others have."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def lens_settings(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return the settings of an engine with stores of its own."""
    return replace(settings, preset="cpu-basic", data=tmp_path_factory.mktemp("lens"))


@pytest.fixture(scope="session")
def engine(lens_settings: Settings) -> Engine:
    """Build an engine that has the lens's task, over a run of three and one whose folder does not exist."""
    machine = detect(lens_settings.platform)
    catalog = build_catalog(lens_settings, machine)
    run = [replace(spec, run=RUN) for spec in catalog.specs if spec.step in STEPS]
    gone = replace(run[0], key=GONE, label="Gone", source="/nowhere/gone", run=None, step=None)
    return build_engine(lens_settings, machine, replace(catalog, specs=(*run, gone)), (lens_task,))


@pytest.fixture(scope="session")
def lens(engine: Engine, lens_settings: Settings) -> Lens:
    """Return a lens; what one test found out, the next one need not."""
    return build_lens(engine, lens_settings)


@pytest.fixture
def keys(engine: Engine) -> list[str]:
    """Return the keys of the run, by step."""
    return [spec.key for spec in engine.catalog.specs if spec.step is not None]


@pytest.fixture
def actions(engine: Engine, lens: Lens, tmp_path: Path) -> LensActions:
    """Return the tab's actions, beside a Compare tab without shipped answers."""
    from microscope.ui.compare.actions import Actions
    from microscope.ui.lens.actions import LensActions

    shares = ShareStore(tmp_path / "shares", 10**8)
    return LensActions(lens, Actions(engine, read_examples(EXAMPLES), EXAMPLES, ExampleAnswers(), shares))


@pytest.fixture
def asked(actions: LensActions, keys: list[str]) -> AnswerRequest:
    """Return what an example asks of the first and the last of the run, who answer differently."""
    example = actions.compare.examples[0]
    path = str(EXAMPLES / example.file)
    return actions.compare.request(path, example.question, [keys[0], keys[-1]], actions.compare.defaults())


@pytest.fixture
def looked(actions: LensActions, asked: AnswerRequest) -> Look:
    """Return the state of a visitor who looked at it."""
    *_, (_, look) = actions.look("fixture", asked)
    return look
