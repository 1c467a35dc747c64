"""Files that a page hands out: written where Gradio copies them from; knows no component."""

from __future__ import annotations

from pathlib import Path


def write_file(folder: str, name: str, data: bytes) -> str:
    """Write a file into a folder and return its path."""
    path = Path(folder) / name
    path.write_bytes(data)
    return str(path)
