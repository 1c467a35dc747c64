"""Checks the lines of requirements.txt, as far as that needs no index; the build line itself is another check."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from microscope.space.cost import ZERO
from microscope.space.findings import Finding, Status
from microscope.space.packages.build_line import REQUIREMENTS, names_of, problems_of
from microscope.space.preflight.base import Check, Project, failed, fine, warned

NAME = "Requirements"
# The builds of torch that ZeroGPU supports.
ZERO_TORCH = ("2.8.0", "2.9.1", "2.10.0", "2.11.0", "2.12.1", "2.13.0")
_TORCH = re.compile(r"^torch\s*(?:\[[^\]]*\])?\s*(?P<versions>[<>=!~][^;#\s]*)", re.MULTILINE)


def run(project: Project) -> Sequence[Finding]:
    """Return what is wrong with the lines."""
    path = project.root / REQUIREMENTS
    if not path.is_file():
        return [failed(NAME, f"There is no {REQUIREMENTS}.", "Put it back: a Space installs what it names.")]
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return [failed(NAME, f"{REQUIREMENTS} is no UTF-8 text.", "Save it as UTF-8.")]
    found = [
        Finding(
            NAME,
            Status.FAILED if problem.level == "error" else Status.WARNING,
            f"{REQUIREMENTS}, line {problem.line} {problem.reason}.",
            problem.advice,
        )
        for problem in problems_of(text)
    ]
    if project.tier is not None and project.tier.name == ZERO:
        found.extend(_torch(text))
    return found or [fine(NAME, f"{len(names_of(text))} packages are named, none that the build brings by itself.")]


def _torch(text: str) -> Iterator[Finding]:
    asked = _TORCH.search(text)
    if asked is None:
        return
    try:
        versions = SpecifierSet(asked["versions"])
    except InvalidSpecifier:
        # pip tells that better.
        return
    if not any(versions.contains(version) for version in ZERO_TORCH):
        detail = f"{REQUIREMENTS} asks for torch{asked['versions']}, which ZeroGPU does not run."
        yield warned(NAME, detail, f"Ask for one of {', '.join(ZERO_TORCH)}, or for other hardware.")


CHECK = Check(NAME, run)
