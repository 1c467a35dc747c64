"""The app started as ZeroGPU does, as a check; the real app, and small ones that are broken."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.space.child import Ended
from microscope.space.findings import Status
from microscope.space.preflight import starting
from microscope.space.preflight.base import Project
from microscope.space.preflight.starting import CHECK
from tests.space.preflight.projects import OURS, copy_of_ours, only, problem, write

pytestmark = [
    pytest.mark.zero,
    pytest.mark.skipif(sys.platform != "linux", reason="ZeroGPU, and `spaces` in Zero mode, exist on Linux alone"),
]

PAGE = """
import gradio as gr

with gr.Blocks() as demo:
    gr.Markdown("hello")
demo.launch(ssr_mode=False)
"""
BROKEN = """
def build():
    raise ValueError("no such tab")

build()
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_of_ours(tmp_path)


def judged(project: Project, status: int | None, log: str) -> str:
    """Return what is told of an app that served no page."""
    found = starting._judge(project, "app.py", Ended(status, log), page=False, reported=False)
    assert found.status is Status.FAILED
    assert found.advice
    return found.detail


def test_ours_serves_its_page_and_reports_a_function(monkeypatch: pytest.MonkeyPatch) -> None:
    # Behind a proxy that answers nothing, which is nothing to what it says to itself.
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    found = only(CHECK.run(OURS))
    assert found.status is Status.OK, found
    assert found.detail == "app.py serves its page, and has told ZeroGPU that a function is decorated."
    assert CHECK.slow
    assert not CHECK.network


def test_a_page_without_a_decorated_function_fails(project: Project) -> None:
    write(project, "app.py", PAGE)
    found = problem(CHECK, project)
    assert found.status is Status.FAILED
    assert "no function is decorated with spaces.GPU" in found.detail


@pytest.fixture
def plain(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start apps as any Python does, which takes no time; how ZeroGPU does it is the script's own test."""
    script = tmp_path_factory.mktemp("script") / "plain.py"
    script.write_text("import runpy, sys\nrunpy.run_path(f'{sys.argv[1]}/{sys.argv[2]}', run_name='__main__')\n")
    monkeypatch.setattr(starting, "SCRIPT", script)


def test_an_app_that_raises_is_told_with_the_last_line_and_its_place(project: Project, plain: None) -> None:
    write(project, "app.py", "import sys\nsys.path.insert(0, 'src')\nfrom microscope import broken\n")
    write(project, "src/microscope/__init__.py", "")
    write(project, "src/microscope/broken.py", BROKEN)
    found = problem(CHECK, project)
    assert found.status is Status.FAILED
    assert found.detail == ("app.py does not start: ValueError: no such tab (src/microscope/broken.py, line 3).")


def test_an_app_that_takes_too_long_is_told(project: Project, plain: None) -> None:
    write(project, "app.py", "import time\nprint('waiting', flush=True)\ntime.sleep(60)\n")
    found = problem(CHECK, replace(project, start_seconds=10))
    assert found.detail == "app.py served no page within 10 seconds; its last line: waiting."


def test_an_app_file_that_is_not_there_is_told(project: Project) -> None:
    (project.root / "app.py").unlink()
    assert problem(CHECK, project).detail == "There is no app.py to start."


def test_an_app_is_started_without_the_user_s_own_settings_and_with_a_path(
    project: Project, plain: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PATH")
    monkeypatch.setenv("MICROSCOPE_PRESET", "mine")
    monkeypatch.setenv("HF_TOKEN", "of-nobody")
    names = ("PATH", "MICROSCOPE_PRESET", "HF_TOKEN", "HF_HUB_OFFLINE", "SPACES_ZERO_GPU", "OAUTH_CLIENT_ID")
    write(project, "app.py", f"import os\nraise ValueError([name for name in {names} if name in os.environ])\n")
    assert "['PATH', 'HF_HUB_OFFLINE', 'SPACES_ZERO_GPU', 'OAUTH_CLIENT_ID']" in problem(CHECK, project).detail


def test_a_package_that_is_missing_is_told_by_its_name(project: Project) -> None:
    log = (
        'Traceback (most recent call last):\n  File "/usr/lib/runpy.py", line 1, in <module>\n'
        f'  File "{project.root}/app.py", line 7, in <module>\n    import other\n'
        f'  File "{project.root}/.venv/lib/site-packages/other.py", line 1, in <module>\n    import nowhere\n'
        "ModuleNotFoundError: No module named 'nowhere'\n"
    )
    told = "app.py does not start: ModuleNotFoundError: No module named 'nowhere' (app.py, line 7)."
    assert judged(project, 1, log) == told


@pytest.mark.parametrize(
    ("status", "log", "told"),
    [
        (1, "models.yaml is no YAML: correct line 3.\n", "app.py does not start: models.yaml is no YAML"),
        (1, "", "app.py does not start: exit status 1."),
        (0, "done\n", "app.py ends without serving a page."),
        (None, "Loading ...\n\n", "its last line: Loading"),
        (None, "", "it wrote nothing."),
    ],
)
def test_other_ends_are_told(project: Project, status: int | None, log: str, told: str) -> None:
    assert told in judged(project, status, log)


def test_no_token_of_a_log_is_told(project: Project) -> None:
    token = "hf_" + "a" * 34
    assert token not in judged(project, 1, f"the token {token} is wrong\n")


def test_elsewhere_it_is_left_out_with_its_reason(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting.sys, "platform", "darwin")
    found = only(CHECK.run(project))
    assert found.status is Status.SKIPPED
    assert "Linux alone" in found.detail
