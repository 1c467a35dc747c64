"""A method and a family are added the way the README says: what stands there runs."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from microscope.lens.families.family import Family, Shown
from microscope.lens.methods import METHODS
from microscope.lens.methods.base import Context
from microscope.settings import REPOSITORY
from tests.lens.looking import Sights

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
MOST_LINES = 20


@pytest.fixture
def module(tmp_path: Path) -> Callable[[str], ModuleType]:
    """Return what makes a module of the README's example that begins with a docstring."""

    def load(docstring: str) -> ModuleType:
        blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
        code = next(block for block in blocks if block.startswith(f'"""{docstring}'))
        assert len([line for line in code.splitlines() if line.strip()]) < MOST_LINES
        file = tmp_path / "added.py"
        file.write_text(code)
        spec = importlib.util.spec_from_file_location("added", file)
        added = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(added)
        return added

    return load


def test_a_method_is_one_file_with_one_object(module: Callable[[str], ModuleType], sights: Sights) -> None:
    method = module("Attention of the last layer").METHOD
    assert {name for name in ("key", "label", "tier", "unit", "note") if not getattr(method, name)} == set()
    assert method.key not in [one.key for one in METHODS]
    context: Context = sights("llava").context()
    (estimate,) = method.maps(context, 0)
    torch.testing.assert_close(estimate.values, context.rows_of([0])[0, -1].mean(0))


def test_a_family_is_one_file_with_one_object(module: Callable[[str], ModuleType], sights: Sights) -> None:
    family = module("My VLM: the image").FAMILY
    assert isinstance(family, Family)
    sight = sights("paligemma")
    shown = Shown(sight.model.config, None, (64, 64), sight.inputs, len(sight.positions))
    placement = family.cells(shown)
    assert placement is not None
    assert [box for box, _ in placement.cells] == [cell.box for cell in sight.layout.cells]
