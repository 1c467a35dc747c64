"""What the manual shows, loaded as it stands there: the files that a person adds."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

from microscope.settings import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
MOST_LINES = 20


def shown(docstring: str, folder: Path) -> ModuleType:
    """Return the module of the manual's example that begins with a docstring; it has fewer than twenty lines."""
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    code = next(block for block in blocks if block.startswith(f'"""{docstring}'))
    assert len([line for line in code.splitlines() if line.strip()]) < MOST_LINES
    file = folder / "added.py"
    file.write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("added", file)
    assert spec is not None
    assert spec.loader is not None
    added = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(added)
    return added
