"""Writes a tiny project and the packages that its Space would install: the line is real, the packages are empty."""

from __future__ import annotations

from pathlib import Path

from tests.space.wheels import write_wheel

GRADIO = "6.31.0"
WHEELS = {
    ("gradio", GRADIO): ("helper>=1", "authlib; extra=='oauth'"),
    ("uvicorn", "0.20.0"): (),
    ("websockets", "12.0"): (),
    ("spaces", "0.51.3"): ("gradio",),
    ("authlib", "1.9"): (),
    ("helper", "1.5"): (),
    ("helper", "0.9"): (),
    ("torch", "2.13.0"): ("helper",),
    ("torch", "2.13.0+cpu"): ("helper",),
    ("older", "1.0"): ("helper<1",),
}


def write_project(folder: Path, requirements: str = "torch==2.13.0\n", *, python: str = "3.12") -> Path:
    """Write the head of a README and a requirements.txt, and return the project's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    head = f'---\ntitle: A\nsdk: gradio\nsdk_version: {GRADIO}\npython_version: "{python}"\n---\n'
    (folder / "README.md").write_text(head, encoding="utf-8")
    (folder / "requirements.txt").write_text(requirements, encoding="utf-8")
    return folder


def write_wheels(folder: Path, without: tuple[str, ...] = ()) -> Path:
    """Write the packages, less those of some versions, and return their folder."""
    for (name, version), requires in WHEELS.items():
        if version not in without:
            write_wheel(folder, name, version, requires, extra="oauth" if name == "gradio" else "")
    return folder
