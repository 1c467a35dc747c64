"""Prints the installed versions of everything that a pip line brings in, as constraints; knows no index.

`python .ci/constraints.py -r requirements.txt "gradio[mcp]==6.31.0"` walks from those requirements through what the
installed packages require in turn. Development tools stand in no such line and stay free to change.
"""

from __future__ import annotations

import argparse
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def wanted(requirement: Requirement, extra: str) -> bool:
    """Tell whether a requirement applies on this machine under that extra of the package that states it."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def closure(requirements: list[Requirement]) -> dict[str, str]:
    """Return name and installed version of the requirements and of all that they require."""
    versions: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    todo = list(requirements)
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            try:
                found = distribution(name)
            except PackageNotFoundError:
                continue
            versions[name] = found.version
            todo.extend(need for need in map(Requirement, found.requires or ()) if wanted(need, extra))
    return versions


def main() -> None:
    """Parse the pip line and print one constraint a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-r", dest="file", type=Path, required=True)
    parser.add_argument("requirements", nargs="*")
    given = parser.parse_args()
    lines = [line.partition("#")[0].strip() for line in given.file.read_text().splitlines()]
    stated = [line for line in lines if line] + given.requirements
    for name, version in sorted(closure([Requirement(line) for line in stated]).items()):
        print(f"{name}=={version}")


if __name__ == "__main__":
    main()
