"""What is imported, and whether the build line brings it in, as a check."""

from __future__ import annotations

from pathlib import Path

import pytest

from microscope.space.findings import Status
from microscope.space.preflight.imports import CHECK, installed
from microscope.space.preflight.running import run_checks
from tests.space.preflight.projects import OURS, change, copy_of_ours, only, problem, write

GUARDED = """
from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy
from microscope import errors

if TYPE_CHECKING:
    import statsmodels

try:
    import ujson as other
except ImportError:
    other = json
try:
    import simplejson
except (AttributeError, ModuleNotFoundError):
    simplejson = None
try:
    import hjson
except Exception:
    hjson = None
try:
    import json5
except:
    json5 = None
from . import neighbour
"""


def test_ours_are_all_installed() -> None:
    assert only(CHECK.run(OURS)).status is Status.OK
    there = installed(OURS)
    assert {"gradio", "mcp", "torch", "pillow", "starlette"} <= there
    assert not {"pytest", "ruff", "statsmodels"} & there


def test_what_is_guarded_may_be_missing(tmp_path: Path) -> None:
    project = copy_of_ours(tmp_path)
    write(project, "app.py", GUARDED)
    assert only(CHECK.run(project)).status is Status.OK


@pytest.mark.parametrize(
    ("code", "detail", "advice"),
    [
        ("import statsmodels.api\n", "statsmodels is imported (app.py, line 1)", "Add statsmodels"),
        ("\ndef f():\n    from nowhere.at import all\n", "nowhere is imported (app.py, line 3)", "Add nowhere"),
        ("if True:\n    import statsmodels\n", "statsmodels is imported (app.py, line 2)", ""),
        ("try:\n    import a\nexcept ImportError:\n    import nowhere\n", "nowhere is imported (app.py, line 4)", ""),
        ("try:\n    import nowhere\nexcept ValueError:\n    pass\n", "nowhere is imported (app.py, line 2)", ""),
        ("import (\n", "app.py, line 1 is no Python 3.12", "Correct it"),
    ],
)
def test_what_nothing_installs_is_told(tmp_path: Path, code: str, detail: str, advice: str) -> None:
    project = copy_of_ours(tmp_path)
    write(project, "app.py", code)
    found = problem(CHECK, project)
    assert found.status is Status.FAILED
    assert detail in found.detail
    assert advice in found.advice


def test_a_requirement_that_is_taken_out_is_missed(tmp_path: Path) -> None:
    project = copy_of_ours(tmp_path)
    write(project, "app.py", "import captum.attr\n")
    assert only(CHECK.run(project)).status is Status.OK
    change(project, "requirements.txt", "captum>=0.9\n", "")
    assert "Add captum to requirements.txt" in problem(CHECK, project).advice


def test_requirements_that_are_no_text_hide_nothing(tmp_path: Path) -> None:
    project = copy_of_ours(tmp_path)
    write(project, "requirements.txt", "captum\n".encode("utf-16"))
    (found,) = run_checks(project, [CHECK])
    assert found.status is Status.FAILED
    assert "no UTF-8" in found.detail


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ("python_version < '3.11'", Status.FAILED),
        ("sys_platform == 'win32'", Status.FAILED),
        ("extra == 'dev'", Status.FAILED),
        ("python_version >= '3.12'", Status.OK),
    ],
)
def test_a_requirement_for_another_place_installs_nothing_here(tmp_path: Path, condition: str, status: Status) -> None:
    project = copy_of_ours(tmp_path)
    write(project, "app.py", "import captum.attr\n")
    change(project, "requirements.txt", "captum>=0.9\n", f"captum>=0.9; {condition}\n")
    assert only(CHECK.run(project)).status is status


def test_a_file_of_src_is_looked_at_too(tmp_path: Path) -> None:
    project = copy_of_ours(tmp_path)
    write(project, "src/microscope/other.py", "import nowhere\n")
    assert "src/microscope/other.py, line 1" in problem(CHECK, project).detail
