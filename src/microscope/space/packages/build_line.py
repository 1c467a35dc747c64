"""The one pip line that the build of a Gradio Space runs, and what its requirements.txt may not say; runs nothing.

The build mounts requirements.txt alone, so what names another file of the repository cannot be found there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from microscope.errors import UserError
from microscope.space.front_matter import FrontMatter, front_matter_of

REQUIREMENTS = "requirements.txt"
# What a Space gets where its README names no Python.
PYTHON = "3.12"
BESIDE = ("uvicorn>=0.14.0", "websockets>=10.4", "spaces")
# What the build installs by itself, at a version of its own.
INSTALLED = ("gradio", "spaces", "huggingface-hub")

_ELSEWHERE = {
    "-r": "another file of requirements",
    "--requirement": "another file of requirements",
    "-c": "a file of constraints",
    "--constraint": "a file of constraints",
    "-e": "an editable project",
    "--editable": "an editable project",
    "-f": "a folder of packages",
    "--find-links": "a folder of packages",
}
_VERSION = re.compile(r"\d+(\.\d+)+((a|b|rc|\.post|\.dev)\d+)?", re.ASCII)
_COMMENT = re.compile(r"(^|\s)#.*$")
_COMMIT = re.compile(r"@[0-9a-f]{40}(#|$)")
_ADDRESS = re.compile(r"^[A-Za-z][\w+]*://")
_PASSWORD = re.compile(r"://[^/\s@]*:[^/\s@]*@|https?://[^/\s@]+@")
_PATH = re.compile(r"^(\.|/|~|file:|[A-Za-z]:\\)|^[^@;\s]*[/\\]|^\S+\.(whl|zip|tar\.gz|tgz)(\s|;|$)")


@dataclass(frozen=True)
class LineProblem:
    """What is wrong with a line of requirements.txt, and what to do; an error keeps the build from succeeding."""

    line: int
    level: Literal["error", "warning"]
    reason: str
    advice: str


def build_line(root: Path) -> tuple[str, ...]:
    """Return the arguments of `pip install` in the build of the Space that a project is, to be run in its folder.

    A UserError says what is missing.
    """
    version = front_matter_of(root / "README.md").text("sdk_version")
    if not _VERSION.fullmatch(version):
        raise UserError("The head of README.md names no version of Gradio: write sdk_version there, such as 6.31.0.")
    named = ("-r", REQUIREMENTS) if (root / REQUIREMENTS).is_file() else ()
    return (*named, f"gradio[oauth,mcp]=={version}", *BESIDE)


def python_of(front: FrontMatter) -> str:
    """Return the Python that a Space gets by its front matter, as `3.12` or `3.12.12`."""
    version = front.text("python_version")
    return version if re.fullmatch(r"3\.\d+(\.\d+)?", version) else PYTHON


def problems_of(requirements: str) -> tuple[LineProblem, ...]:
    """Return what the lines of a requirements.txt may not say, or better would not."""
    return tuple(problem for number, line in _lines(requirements) for problem in _judge(number, line))


def names_of(requirements: str) -> frozenset[str]:
    """Return the packages that a requirements.txt names, in their canonical spelling; unreadable lines name none."""
    return frozenset(canonicalize_name(one.name) for one in requirements_of(requirements))


def requirements_of(requirements: str) -> tuple[Requirement, ...]:
    """Return what a requirements.txt asks for; unreadable lines and options are left out."""
    found = (_requirement(line) for _, line in _lines(requirements) if not line.startswith("-"))
    return tuple(one for one in found if one is not None)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the logical lines, each with the number of its first; a backslash at the end continues one."""
    start, gathered = 0, ""
    for number, raw in enumerate(text.splitlines(), start=1):
        start = start or number
        line = _COMMENT.sub("", raw)
        if line.endswith("\\"):
            gathered += line[:-1] + " "
            continue
        whole = (gathered + line).strip()
        if whole:
            yield start, whole
        start, gathered = 0, ""
    if gathered.strip():
        yield start, gathered.strip()


def _judge(number: int, line: str) -> Iterator[LineProblem]:
    if "${" in line:
        reason = "takes a variable of the environment, and the build has none of the Space's secrets"
        yield LineProblem(number, "error", reason, "Write the value itself if it is public, or leave the line out.")
    elif line.startswith("-"):
        yield from _judge_option(number, line)
    elif _ADDRESS.match(line):
        yield from _judge_address(number, "a package", line)
    elif _PATH.search(line):
        yield _unmounted(number, "a file or folder of this project")
    else:
        yield from _judge_requirement(number, line)


def _judge_option(number: int, line: str) -> Iterator[LineProblem]:
    option, _, value = re.sub(r"^(--[\w-]+|-\w)\s*=?\s*", r"\1 ", line).partition(" ")
    if option in _ELSEWHERE and not re.match(r"https?://", value):
        yield _unmounted(number, _ELSEWHERE[option])
    if _PASSWORD.search(value):
        yield _password(number)


def _judge_requirement(number: int, line: str) -> Iterator[LineProblem]:
    requirement = _requirement(line)
    if requirement is None and _PASSWORD.search(line):
        yield _password(number)
        return
    if requirement is None:
        advice = "Write a package's name and its versions, such as pillow>=12."
        yield LineProblem(number, "error", f"is no requirement that pip can read: {line}", advice)
        return
    name = canonicalize_name(requirement.name)
    if name in INSTALLED:
        advice = "Leave it out; sdk_version in the head of README.md chooses Gradio, and the others follow it."
        yield LineProblem(number, "error", f"names {name}, which the build installs at a version of its own", advice)
    if requirement.url:
        yield from _judge_address(number, name, requirement.url)


def _judge_address(number: int, name: str, address: str) -> Iterator[LineProblem]:
    if address.startswith("file:"):
        yield _unmounted(number, "a file of this project")
    elif _PASSWORD.search(address):
        yield _password(number)
    elif not _COMMIT.search(address) and "#sha256=" not in address:
        advice = "Take a release from the index, or pin the address to a commit or a sha256."
        yield LineProblem(number, "warning", f"takes {name} from an address, whatever lies there then", advice)


def _unmounted(number: int, what: str) -> LineProblem:
    reason = f"names {what}, and the build sees no file but {REQUIREMENTS}"
    return LineProblem(number, "error", reason, "Write the packages themselves into it.")


def _password(number: int) -> LineProblem:
    reason = "shows a password to everybody who sees the Space's files"
    return LineProblem(number, "error", reason, "Take the package from where none is needed.")


def _requirement(line: str) -> Requirement | None:
    """Return what a line asks for, without the options that may follow it."""
    try:
        return Requirement(re.split(r"\s--", line)[0])
    except InvalidRequirement:
        return None
