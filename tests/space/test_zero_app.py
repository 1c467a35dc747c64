"""The script that starts an app as ZeroGPU does, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from microscope.space.preflight.starting import SCRIPT
from microscope.space.zero_mode import environment

APP = """
import sys
import torch

print(__name__, sys.path[0], sys.argv)
print(torch.cuda.is_available(), torch.cuda.device_count(), torch.ones(2).to("cuda").device)
"""


@pytest.mark.zero
@pytest.mark.skipif(sys.platform != "linux", reason="ZeroGPU, and `spaces` in Zero mode, exist on Linux alone")
def test_an_app_runs_as_the_main_program_and_believes_in_a_card(tmp_path: Path) -> None:
    (tmp_path / "start.py").write_text(APP)
    # What the script stands beside must not be taken for a library.
    assert (SCRIPT.parent / "names.py").exists()
    variables = {**os.environ, **environment("http://127.0.0.1:1", tmp_path)}
    command = [sys.executable, str(SCRIPT), str(tmp_path), "start.py"]
    child = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=120)
    expected = [f"__main__ {tmp_path} ['{tmp_path}/start.py']", "True 1 cuda:0"]
    assert child.stdout.splitlines()[-2:] == expected, child.stderr
