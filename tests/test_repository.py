"""The files around the code: what a Space reads, and what is installed."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from typing import Any

import pytest
import yaml

import microscope
from microscope.catalog.file import read_file
from microscope.settings import REPOSITORY
from microscope.space.front_matter import front_matter_of

SPACE_INSTALLS = {"gradio", "spaces", "huggingface-hub", "huggingface_hub"}


@pytest.fixture(scope="module")
def front_matter() -> dict[str, Any]:
    """Return the front matter of README.md."""
    _, text, _ = (REPOSITORY / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(text)


def requirement_names() -> set[str]:
    """Return the packages that requirements.txt names."""
    lines = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return {re.split(r"[^\w.-]", line)[0] for line in lines if line and not line.startswith("#")}


def test_the_front_matter_is_what_the_hub_accepts() -> None:
    front = front_matter_of(REPOSITORY / "README.md", REPOSITORY)
    assert (front.problems, front.warnings) == ((), ())
    assert (front.text("sdk"), front.text("license"), front.text("python_version")) == ("gradio", "apache-2.0", "3.12")


def test_the_front_matter_names_the_models_of_its_hardware(front_matter: dict[str, Any]) -> None:
    models = read_file(REPOSITORY / "models.yaml")
    preset = models.preset(front_matter["suggested_hardware"])
    assert preset is not None
    sources = {entry.name: entry.spec.source for entry in models.entries if not entry.spec.folder}
    assert front_matter["models"] == [sources[name] for name, _ in preset.entries if name in sources]


def test_what_is_installed_is_the_version_that_the_space_gets(front_matter: dict[str, Any]) -> None:
    assert version("gradio") == front_matter["sdk_version"]


def test_requirements_leave_out_what_a_space_installs_by_itself() -> None:
    assert requirement_names() & SPACE_INSTALLS == set()


def test_every_requirement_is_constrained_for_the_development_tools(front_matter: dict[str, Any]) -> None:
    gradio = f"gradio[oauth,mcp]=={front_matter['sdk_version']}"
    command = [sys.executable, ".ci/constraints.py", "-r", "requirements.txt", gradio, "spaces"]
    printed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    constraints = dict(line.split("==") for line in printed.splitlines())
    assert {"gradio", "gradio-client", "mcp", "authlib", "spaces", "huggingface-hub"} <= set(constraints)
    assert requirement_names() <= set(constraints)
    assert "pytest" not in constraints
    assert constraints["torch"] == version("torch")


def test_the_changelog_begins_with_this_version() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changelog, re.MULTILINE)[0] == microscope.__version__
