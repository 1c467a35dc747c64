"""Small versions of the template, and duplicates of them on a loopback Hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from microscope.space.hub import Patience, SpaceHub
from microscope.space.payload import Payload, read_payload
from tests.hub.spaces.loopback_spaces import LoopbackSpaces

SPACE, TEMPLATE = "owner/mine", "owner/template"
README = """---
title: VLM Microscope
emoji: 🔬
colorFrom: indigo
colorTo: blue
sdk: gradio
sdk_version: {gradio}
python_version: "3.12"
app_file: app.py
hf_oauth: true
---

# The manual of {version}
"""
FILES = {
    "app.py": "print('app')\n",
    "requirements.txt": "torch==2.12.0\nhttpx\n",
    "packages.txt": "git\n",
    "models.yaml": "models: {}\n",
    "LICENSE": "Apache\n",
    "src/microscope/ui/app.py": "def build(): ...\n",
    "src/microscope/engine.py": "engine = 1\n",
    "src/microscope/scoring.py": "scoring = 1\n",
    "assets/page.css": "p {}\n",
}
# What the next version changes: None is dropped.
NEXT: dict[str, str | None] = {
    "requirements.txt": "torch==2.13.0\nhttpx\nscipy\n",
    "src/microscope/engine.py": "engine = 2\n",
    "src/microscope/scoring.py": None,
    "src/microscope/lens.py": "lens = 1\n",
    "models.yaml": "models: {new: {hub: org/new}}\n",
}


def version(
    folder: Path, number: str, changed: Mapping[str, str | None] | None = None, gradio: str = "6.30.0"
) -> Payload:
    """Write a version of the template into a folder, and return what a Space is given of it."""
    files = {
        **FILES,
        "README.md": README.format(gradio=gradio, version=number),
        "src/microscope/__init__.py": f'__version__ = "{number}"\n',
        **(changed or {}),
    }
    for path, text in files.items():
        if text is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    return read_payload(folder, number)


def contents(payload: Payload) -> dict[str, bytes]:
    """Return the files that a deploy puts on a Space, its manifest among them."""
    paths = [file.path for file in payload.files]
    return {**{path: payload.read(path) for path in paths}, "assets/manifest.json": payload.manifest}


def space_of(hub: LoopbackSpaces, space: str = SPACE) -> SpaceHub:
    """Return a Space of a loopback Hub to somebody who may write to it, and waits for nothing."""
    return SpaceHub(space, endpoint=hub.url, token=hub.token, patience=Patience(sleep=lambda _: None))
