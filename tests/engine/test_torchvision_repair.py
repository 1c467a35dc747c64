"""A torchvision that was built for CUDA imports beside a torch that was not, and everything else is left alone.

Each case needs a process of its own: what torch registers stays registered.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from microscope.engine.torchvision_repair import repair_torchvision

REPAIRED = """
import microscope.engine
import torch
import torchvision.transforms.v2.functional as functional
from transformers import SmolVLMProcessor, SmolVLMVideoProcessor
print(functional.resize(torch.zeros(3, 8, 8, dtype=torch.uint8), [4, 4]).shape)
"""

# `importlib.util.find_spec` finds the stand-in first on the path; importing it would fail.
DETECTED = """
import sys
from microscope.engine.torchvision_repair import repair_torchvision, torchvision_is_for_cuda
import torch
assert "torchvision" not in sys.modules
print(torchvision_is_for_cuda(), repair_torchvision() is not None, torch.version.cuda is not None)
"""


def run(code: str, path: Path | None = None) -> str:
    """Run code in a process of its own, with a folder first on its path, and return what it printed."""
    first = f"import sys; sys.path.insert(0, {str(path)!r})\n" if path else ""
    child = subprocess.run(
        [sys.executable, "-c", first + code], capture_output=True, text=True, check=False, timeout=120
    )
    assert child.returncode == 0, child.stderr
    return child.stdout.strip()


def test_processors_that_need_torchvision_import_and_resize() -> None:
    assert run(REPAIRED) == "torch.Size([3, 4, 4])"


@pytest.mark.parametrize(
    ("version", "built_for_cuda"), [("0.28.0+cu128", "True"), ("0.28.0+cpu", "False"), ("0.28.0", "False")]
)
def test_only_a_build_for_cuda_beside_a_torch_without_is_repaired(
    version: str, built_for_cuda: str, tmp_path: Path
) -> None:
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('it must not be imported')")
    (package / "version.py").write_text(f"__version__ = '{version}'\n")
    found, repaired, torch_has_cuda = run(DETECTED, tmp_path).split()
    assert found == built_for_cuda
    assert repaired == str(built_for_cuda == "True" and torch_has_cuda == "False")


def test_repairing_twice_is_repairing_once() -> None:
    assert repair_torchvision() is repair_torchvision()
