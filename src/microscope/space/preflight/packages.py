"""Checks packages.txt, whose every word the build hands to apt-get; asks no archive whether the packages exist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from microscope.space.findings import Finding
from microscope.space.preflight.base import Check, Project, failed, fine, listed

NAME = "Debian packages"
FILE = "packages.txt"
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?([=/][A-Za-z0-9.+~:-]+)?")


def run(project: Project) -> Sequence[Finding]:
    """Return the lines that apt-get would stumble over."""
    path = project.root / FILE
    if not path.is_file():
        return [fine(NAME, f"There is no {FILE}, and none is needed.")]
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        return [failed(NAME, f"{FILE} is no UTF-8 text.", "Save it as UTF-8.")]
    found = list(_judge(text))
    return found or [fine(NAME, f"{listed(text.split())}." if text.split() else f"{FILE} names none.")]


def _judge(text: str) -> Iterator[Finding]:
    if "\r" in text:
        advice = "Save it with line ends of Unix."
        yield failed(NAME, f"{FILE} has line ends of Windows, which become part of the names.", advice)
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"{FILE}, line {number}"
        if "#" in line:
            reason = f"{where} has a comment, whose words are taken for packages."
            yield failed(NAME, reason, "Remove it; the README is the place for reasons.")
        elif len(line.split()) > 1:
            yield failed(NAME, f"{where} names several packages.", "Write one on each line.")
        elif line.strip() and not _PACKAGE.fullmatch(line.strip()):
            advice = "Write the package's name alone, such as fonts-dejavu-core."
            yield failed(NAME, f"{where}: {line.strip()!r} is no name of a Debian package.", advice)


CHECK = Check(NAME, run)
