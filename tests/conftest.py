"""What tests of every room share: the browser."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a Chromium or Chrome; skip where there is none, and fail under CI, which must have one."""
    found = subprocess.run([ROOT / ".ci" / "chromium"], capture_output=True, text=True, check=True).stdout
    if not found:
        missing = "no Chromium or Chrome found; install one, or name it in the variable CHROMIUM"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
    return found
