"""The tab's actions over the embedded checkpoints, and a visitor's request, shared by the tab's tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import fastapi
import gradio as gr
import pytest

from microscope.catalog.build import build_catalog
from microscope.engine.build import Engine, build_engine
from microscope.hardware import detect
from microscope.settings import REPOSITORY, Settings
from microscope.storage.example_answers import read_example_answers
from microscope.storage.shares import ShareStore
from microscope.tiny.examples import read_examples

if TYPE_CHECKING:
    from microscope.ui.compare.actions import Actions

EXAMPLES = REPOSITORY / "assets" / "examples"


@pytest.fixture(scope="session")
def engine(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Build an engine over four of the embedded checkpoints, with an answer store of its own."""
    made = replace(settings, preset="cpu-basic", data=tmp_path_factory.mktemp("engine"))
    machine = detect(made.platform)
    catalog = build_catalog(made, machine)
    return build_engine(made, machine, replace(catalog, specs=catalog.specs[-4:]))


@pytest.fixture
def keys(engine: Engine) -> list[str]:
    """Return the keys of the catalogue, in its order."""
    return [spec.key for spec in engine.catalog.specs]


@pytest.fixture
def actions(engine: Engine, tmp_path: Path) -> Actions:
    """Return the tab's actions, with no picture kept."""
    from microscope.ui.compare.actions import Actions

    answers = read_example_answers(EXAMPLES / "answers.json")
    return Actions(engine, read_examples(EXAMPLES), EXAMPLES, answers, ShareStore(tmp_path / "shares", 10**8))


@pytest.fixture
def own_image(digit: Path, tmp_path: Path) -> Path:
    """Return an image that is none of the examples."""
    from PIL import Image

    path = tmp_path / "own.png"
    Image.open(digit).convert("RGB").rotate(90).save(path)
    return path


@pytest.fixture
def visitor() -> Callable[..., gr.Request]:
    """Return what makes the request of a visitor whose page has a query."""

    def make(query: str = "") -> gr.Request:
        scope = {
            "type": "http",
            "query_string": query.encode(),
            "headers": [(b"origin", b"https://space.example")],
        }
        return gr.Request(fastapi.Request(scope), session_hash="visitor")

    return make
