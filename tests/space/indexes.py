"""A small project and a folder of packages that its build is made of, for tests of what may be refreshed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microscope.space.packages.pip import Pip
from tests.space.wheels import offline_pip, write_wheel

README = "---\ntitle: It\nsdk: gradio\nsdk_version: 6.31.0\napp_file: app.py\npython_version: '3.12'\n---\n\nText.\n"
REQUIREMENTS = "torch==2.13.0\ntransformers>=5.23,<5.24\ntrackio>=0.43,<0.44  # keeps runs\naccelerate>=1.10\n"
PROJECT = {"README.md": README, "requirements.txt": REQUIREMENTS}
BASE: tuple[tuple[str, str, Sequence[str]], ...] = (
    ("gradio", "6.31.0", ()),
    ("uvicorn", "0.40.0", ()),
    ("websockets", "15.0", ()),
    ("spaces", "0.51.3", ()),
    ("torch", "2.13.0", ()),
    ("torch", "2.14.0", ()),
    ("transformers", "5.23.1", ()),
    ("trackio", "0.43.2", ()),
    ("accelerate", "1.12.0", ()),
)


def write_index(folder: Path, *more: tuple[str, str, Sequence[str]]) -> Pip:
    """Write the packages that the project builds from, and more; return a pip that knows these alone."""
    for name, version, requires in (*BASE, *more):
        write_wheel(folder, name, version, requires)
    return offline_pip(folder)
