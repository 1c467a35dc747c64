"""The pip line of a Space's build, and what its requirements.txt may not say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.settings import REPOSITORY
from microscope.space.front_matter import front_matter_of, read_front_matter
from microscope.space.packages.build_line import build_line, names_of, problems_of, python_of

COMMIT = "a" * 40


def test_the_line_has_the_requirements_and_what_a_space_installs_beside_them() -> None:
    version = front_matter_of(REPOSITORY / "README.md").text("sdk_version")
    expected = ("-r", "requirements.txt", f"gradio[oauth,mcp]=={version}", "uvicorn>=0.14.0", "websockets>=10.4")
    assert build_line(REPOSITORY) == (*expected, "spaces")


def test_it_is_the_line_that_the_makefile_installs() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    line = re.findall(r"^SPACE_LINE := (.*)$", makefile, re.MULTILINE)[0].replace('"', "")
    version = front_matter_of(REPOSITORY / "README.md").text("sdk_version")
    assert line.replace("$(GRADIO)", version).split() == list(build_line(REPOSITORY))


def test_without_requirements_the_line_is_what_is_beside_them(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nsdk_version: 6.31.0\n---\n")
    assert build_line(tmp_path)[0] == "gradio[oauth,mcp]==6.31.0"


@pytest.mark.parametrize("head", ["", "sdk_version: six\n", "sdk_version: '6.0; rm'\n", "sdk_version: 6.31.0foo\n"])
def test_without_a_version_of_gradio_there_is_no_line(tmp_path: Path, head: str) -> None:
    (tmp_path / "README.md").write_text(f"---\ntitle: A\n{head}---\n")
    with pytest.raises(UserError, match="write sdk_version there, such as"):
        build_line(tmp_path)


@pytest.mark.parametrize("version", ["6.31", "6.31.0", "6.32.0b1", "6.32.0rc2", "6.31.0.post1", "6.32.0.dev3"])
def test_any_version_that_gradio_may_have_is_taken(tmp_path: Path, version: str) -> None:
    (tmp_path / "README.md").write_text(f"---\nsdk_version: '{version}'\n---\n")
    assert build_line(tmp_path)[0] == f"gradio[oauth,mcp]=={version}"


@pytest.mark.parametrize(
    ("head", "python"),
    [('python_version: "3.10"', "3.10"), ('python_version: "3.12.4"', "3.12.4"), ("title: A", "3.12")],
)
def test_the_python_is_the_front_matter_s(head: str, python: str) -> None:
    assert python_of(read_front_matter(f"---\n{head}\n---\n")) == python


def test_our_own_requirements_are_fine() -> None:
    assert problems_of((REPOSITORY / "requirements.txt").read_text(encoding="utf-8")) == ()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# -r other.txt",
        "pillow>=12  # the newest",
        "gradio_client>=2",
        'a>=1; python_version < "3.11"',
        "torch==2.13.0 --hash=sha256:aa",
        "a==1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb",
        "--extra-index-url https://download.pytorch.org/whl/cpu",
        "--find-links https://example.org/wheels",
        f"a @ git+https://example.org/a@{COMMIT}",
        "a @ https://example.org/a-1-py3-none-any.whl#sha256=aa",
    ],
)
def test_what_a_build_can_read_is_no_problem(line: str) -> None:
    assert problems_of(line) == ()


@pytest.mark.parametrize("line", ["gradio>=5", "spaces", "huggingface_hub[cli]>1", "Gradio[mcp]==6", "Spaces"])
def test_what_the_build_installs_by_itself_is_not_named(line: str) -> None:
    (problem,) = problems_of(f"numpy\n\n{line}\n")
    assert (problem.line, problem.level) == (3, "error")
    assert "the build installs at a version of its own" in problem.reason
    assert "Leave it out" in problem.advice


@pytest.mark.parametrize(
    "line",
    [
        "-r other.txt",
        "-rother.txt",
        "--requirement=other.txt",
        "-c constraints.txt",
        "-e .",
        "--editable src",
        "-f wheels",
        "--find-links ./wheels",
        ".",
        "./package",
        "../package",
        "/opt/package",
        "wheels/a-1-py3-none-any.whl",
        "a-1-py3-none-any.whl",
        "a-1.tar.gz",
        "file:///opt/a.whl",
        "a @ file:///opt/a.whl",
    ],
)
def test_another_file_is_not_there_at_the_build(line: str) -> None:
    (problem,) = problems_of(line)
    assert problem.level == "error"
    assert "the build sees no file but requirements.txt" in problem.reason


@pytest.mark.parametrize(
    "line", ["a @ https://example.org/a.whl", "a @ git+https://example.org/a@main", "git+https://example.org/a"]
)
def test_an_address_that_may_change_is_warned_of(line: str) -> None:
    (problem,) = problems_of(line)
    assert (problem.level, "pin the address" in problem.advice) == ("warning", True)


@pytest.mark.parametrize(
    "line",
    [
        "--extra-index-url https://u:secret@example.org/simple",
        "a @ git+https://u:secret@example.org/a",
        "a==1.0 @ https://u:secret@example.org/a.whl",
        "a b https://secret@example.org/a.whl",
    ],
)
def test_a_password_is_told_and_not_repeated(line: str) -> None:
    (problem,) = problems_of(line)
    assert problem.level == "error"
    assert "password" in problem.reason
    assert "secret" not in problem.reason + problem.advice


@pytest.mark.parametrize(("line", "reason"), [("foo bar", "is no requirement"), ("a==${VERSION}", "environment")])
def test_what_pip_could_not_read_is_told(line: str, reason: str) -> None:
    (problem,) = problems_of(f"# the first\n{line}")
    assert (problem.line, problem.level) == (2, "error")
    assert reason in problem.reason


def test_a_line_that_goes_on_is_numbered_by_its_beginning() -> None:
    assert [problem.line for problem in problems_of("a \\\n  >=1\nspaces \\\n  >=1\n-e . \\\n")] == [3, 5]


def test_the_names_are_those_of_packages() -> None:
    assert names_of("Pillow>=12\n-r x.txt\nfoo bar\nHF_xet; python_version>'3'") == {"pillow", "hf-xet"}
