"""Builds the app from the settings and launches it: what a Space runs, and `make run`."""

from __future__ import annotations

import sys
from pathlib import Path

# A Space installs requirements.txt, not this project.
sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

from microscope.errors import UserError
from microscope.settings import read_settings
from microscope.ui.app import build

try:
    app = build(read_settings())
except UserError as error:
    sys.exit(str(error))

# Gradio's reload mode looks for this name.
demo = app.demo

if __name__ == "__main__":
    app.launch()
