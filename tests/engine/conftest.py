"""What tests of the engine share: tiny checkpoints of many families, each written and loaded at most once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

# The room repairs torchvision, which transformers needs before it imports a processor.
from microscope.engine.torchvision_repair import repair_torchvision
from tests.families import save_family

if TYPE_CHECKING:
    from transformers import PreTrainedModel, ProcessorMixin

repair_torchvision()


CHECKPOINTS = Path(__file__).parents[2] / "assets" / "checkpoints"


@dataclass(frozen=True)
class Loaded:
    """A checkpoint as plain transformers code loads it."""

    folder: Path
    model: PreTrainedModel
    processor: ProcessorMixin


@pytest.fixture(scope="session", autouse=True)
def _quiet() -> None:
    """Keep progress bars out of the reports, and leave a core to whoever else runs."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return what writes a family's checkpoint, once for each seed, and returns its folder."""
    root = tmp_path_factory.mktemp("families")

    @cache
    def write(name: str, seed: int = 0) -> Path:
        return save_family(name, root / f"{name}-{seed}", seed=seed)

    return write


@pytest.fixture(scope="session")
def loaded(checkpoint: Callable[..., Path]) -> Callable[..., Loaded]:
    """Return what loads a family's checkpoint in float32 by plain transformers code, once for each seed."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    @cache
    def load(name: str, seed: int = 0) -> Loaded:
        folder = checkpoint(name, seed)
        model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
        return Loaded(folder, model, AutoProcessor.from_pretrained(folder))

    return load


@pytest.fixture(scope="session")
def fresh(checkpoint: Callable[..., Path]) -> Callable[..., PreTrainedModel]:
    """Return what loads a family's model anew, for tests that change it."""
    from transformers import AutoModelForImageTextToText

    def load(name: str, seed: int = 0) -> PreTrainedModel:
        return AutoModelForImageTextToText.from_pretrained(checkpoint(name, seed), dtype=torch.float32).eval()

    return load


@pytest.fixture(scope="session")
def embedded() -> Path:
    """Return a checkpoint of the run that ships with the project."""
    return max(folder for folder in CHECKPOINTS.iterdir() if folder.is_dir())
