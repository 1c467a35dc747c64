"""A reviewed local implementation is registered once, and then loads like any other architecture."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import microscope.architectures
from microscope.engine.architectures import register_architecture
from microscope.engine.loader import load
from microscope.engine.processors import Processors
from microscope.errors import UserError
from tests.engine.conftest import Loaded
from tests.engine.test_loader import same
from tests.families import local_of

MODULE = '''
"""The architecture of a test: Idefics3 under a name of its own."""

from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    AutoProcessor,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3Processor,
)

CALLS = []


class OwnConfig(Idefics3Config):
    model_type = "{name}"


class OwnModel(Idefics3ForConditionalGeneration):
    config_class = OwnConfig


def register():
    CALLS.append(1)
    AutoConfig.register("{name}", OwnConfig)
    AutoModelForImageTextToText.register(OwnConfig, OwnModel)
    AutoProcessor.register(OwnConfig, Idefics3Processor)
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder whose modules count as architectures of ours."""
    folder = tmp_path / "architectures"
    folder.mkdir()
    monkeypatch.setattr(microscope.architectures, "__path__", [*microscope.architectures.__path__, str(folder)])
    yield folder
    for name in [name for name in sys.modules if name.startswith("microscope.architectures.")]:
        del sys.modules[name]


def test_a_local_architecture_loads_though_transformers_does_not_know_it(
    package: Path, checkpoint: Callable[..., Path], loaded: Callable[..., Loaded], tmp_path: Path
) -> None:
    (package / "own_vlm.py").write_text(MODULE.format(name="own_vlm"))
    folder = shutil.copytree(checkpoint("idefics3"), tmp_path / "run")
    config = json.loads((folder / "config.json").read_text())
    # Code that comes with the checkpoint is passed over for the reviewed code.
    config |= {"model_type": "own_vlm", "auto_map": {"AutoConfig": "theirs.Config"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="brings its own code"):
        load(local_of(folder), "cpu", "float32")
    local = local_of(folder, architecture="own_vlm")
    resident = load(local, "cpu", "float32")
    assert type(resident.model).__name__ == "OwnModel"
    assert same(resident.model, loaded("idefics3").model)
    assert type(Processors().get(local)).__name__ == "Idefics3Processor"
    assert sys.modules["microscope.architectures.own_vlm"].CALLS == [1], "registered more than once"


def test_an_architecture_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match=r"no local architecture absent; add it as .*architectures/absent\.py"):
        register_architecture("absent")


def test_a_module_that_lacks_something_itself_is_a_bug_and_told_as_one(package: Path) -> None:
    (package / "broken.py").write_text("import no_such_library\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        register_architecture("broken")


def test_most_checkpoints_need_none() -> None:
    before = set(sys.modules)
    register_architecture(None)
    assert set(sys.modules) == before
