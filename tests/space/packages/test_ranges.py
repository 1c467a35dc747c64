"""Which lines move, how far, and that nothing but versions changes."""

from __future__ import annotations

import pytest

from microscope.errors import UserError
from microscope.settings import REPOSITORY
from microscope.space.packages.ranges import Change, Movable, Texts, changes_of

README = '---\ntitle: It\nsdk: gradio\nsdk_version: "6.31.0"  # the newest\napp_file: app.py\n---\n\ngradio 6.31.0\n'
REQUIREMENTS = """\
torch==2.13.0
torchvision==0.28.0
transformers>=5.23,<5.24; python_version >= "3.11"
# The last one that runs on Python 3.10.
transformers>=5.20,<5.21; python_version < "3.11"
accelerate>=1.10
trackio [extra] >= 0.43, < 0.44  # keeps runs
wide>=1.2,<2
exact==1.2.3
flash==1.0+cu12
epoch==1!1.0
open==1.*
two>=1.2,!=1.3
fsspec
-r other.txt
not a requirement!
"""
TEXTS = Texts(README, REQUIREMENTS)


def movable(name: str) -> Movable:
    return next(line for line in TEXTS.movable("3.12") if line.name == name)


def test_exact_versions_and_windows_of_one_minor_version_move() -> None:
    assert [(line.name, line.versions) for line in TEXTS.movable("3.12")] == [
        ("gradio", "==6.31.0"),
        ("transformers", ">=5.23,<5.24"),
        ("trackio", ">= 0.43, < 0.44"),
        ("exact", "==1.2.3"),
    ]
    old = {line.name: line.versions for line in TEXTS.movable("3.10.13")}
    assert old["transformers"] == ">=5.20,<5.21"
    assert [name for name, _ in TEXTS.held()] == ["torch", "torchvision"]
    assert Texts(README, "numpy>=2\n").held() == ()


def test_an_index_is_asked_within_the_major_version() -> None:
    assert [line.wish for line in TEXTS.movable("3.12")] == [
        "gradio>=6.31.0,<7",
        "transformers>=5.23,<6",
        "trackio>=0.43,<1",
        "exact>=1.2.3,<2",
    ]


@pytest.mark.parametrize(
    ("name", "version", "after"),
    [
        ("gradio", "6.32.0", "==6.32.0"),
        ("gradio", "6.31.0", "==6.31.0"),
        ("gradio", "6.30.0", "==6.31.0"),
        ("gradio", "7.0.0", "==6.31.0"),
        ("gradio", "6.32.0b1", "==6.31.0"),
        ("gradio", "soon", "==6.31.0"),
        ("transformers", "5.23.4", ">=5.23,<5.24"),
        ("transformers", "5.24.1", ">=5.24,<5.25"),
        ("transformers", "5.30", ">=5.30,<5.31"),
        ("trackio", "0.44.0", ">=0.44,<0.45"),
        ("trackio", "1.0.0", ">= 0.43, < 0.44"),
        ("exact", "1.10.0", "==1.10.0"),
    ],
)
def test_a_newer_version_moves_a_line_within_its_major_one(name: str, version: str, after: str) -> None:
    assert movable(name).moved(version) == after


def test_nothing_but_the_versions_changes() -> None:
    changes = (
        Change("gradio", "==6.31.0", "==6.32.0"),
        Change("transformers", ">=5.23,<5.24", ">=5.24,<5.25"),
        Change("trackio", ">= 0.43, < 0.44", ">=0.44,<0.45"),
    )
    found = TEXTS.with_changes(changes, "3.12")
    assert found.readme == README.replace('"6.31.0"', '"6.32.0"')
    expected = REQUIREMENTS.replace(">=5.23,<5.24", ">=5.24,<5.25").replace(">= 0.43, < 0.44", ">=0.44,<0.45")
    assert found.requirements == expected
    assert TEXTS.with_changes((), "3.12") == TEXTS
    windows = Texts(README, REQUIREMENTS.replace("\n", "\r\n"))
    assert windows.with_changes(changes, "3.12").requirements == expected.replace("\n", "\r\n")


def test_changes_are_read_as_they_are_written() -> None:
    lines = TEXTS.movable("3.12")
    found = changes_of("gradio==6.32.0 transformers>=5.24,<5.25", lines)
    assert [(one.name, one.before, one.after) for one in found] == [
        ("gradio", "==6.31.0", "==6.32.0"),
        ("transformers", ">=5.23,<5.24", ">=5.24,<5.25"),
    ]
    assert " ".join(one.written for one in found) == "gradio==6.32.0 transformers>=5.24,<5.25"
    assert changes_of("", lines) == ()


@pytest.mark.parametrize(
    "written",
    [
        "gradio==6.31.0",
        "gradio==7.0.0",
        "gradio>=6.32",
        "gradio",
        "torch==2.14.0",
        "other==1.0",
        "transformers>=5.24,<6",
        "transformers>=5.24",
        "transformers==5.24.0",
        "gradio==6.32.0\\n--index-url=https://example.org",
        "--pre",
    ],
)
def test_what_is_no_change_of_these_lines_is_refused(written: str) -> None:
    with pytest.raises(UserError, match="no change that is allowed here"):
        changes_of(written, TEXTS.movable("3.12"))


def test_a_readme_without_a_version_of_gradio_is_refused() -> None:
    with pytest.raises(UserError, match="sdk_version"):
        Texts("---\ntitle: It\n---\n", "").movable("3.12")


def test_this_project_s_own_lines_move() -> None:
    texts = Texts(*((REPOSITORY / name).read_text(encoding="utf-8") for name in ("README.md", "requirements.txt")))
    assert {line.name for line in texts.movable("3.12")} == {"gradio", "transformers", "trackio"}
    assert {name for name, _ in texts.held()} == {"torch", "torchvision"}
