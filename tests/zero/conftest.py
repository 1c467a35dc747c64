"""The scenarios, played once for all tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from microscope.engine.torchvision_repair import repair_torchvision

repair_torchvision()

from tests.zero.checkpoints import furnish  # noqa: E402
from tests.zero.played import Played, play  # noqa: E402


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the catalogue and the checkpoints of the scenarios, to read from."""
    home = tmp_path_factory.mktemp("furnished")
    furnish(home)
    return home


@pytest.fixture(scope="session")
def played(furnished: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Give what the scenarios reported."""
    home = tmp_path_factory.mktemp("zero")
    shutil.copytree(furnished, home, dirs_exist_ok=True)
    return play(home)
