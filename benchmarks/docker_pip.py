"""How pip finds packages on this machine, so that it finds them in another root too; prints and keeps none of it.

pip's own configuration is asked, whatever files and variables it comes from: it may name mirrors, folders of wheels,
certificates and constraints, and a password in the address of an index.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

LINE = re.compile(r"(global|install|:env:)\.([\w-]+)=(.*)")
# In the order in which one outranks the other.
SECTIONS = ("global", "install", ":env:")
# What a machine needs to find others by their names.
NAMES = (Path("/etc/resolv.conf"), Path("/etc/hosts"))


@dataclass(frozen=True)
class Network:
    """What a build needs of this machine: variables for pip, and the paths that they and names of hosts stand in."""

    environment: Mapping[str, str]
    binds: tuple[Path, ...]


def this_machine() -> Network:
    """Return what pip is told on this machine."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    return network(listed.stdout)


def network(listed: str) -> Network:
    """Return the variables that tell pip what `pip config list` printed, and the paths of this machine in them."""
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for section, name, value in filter(None, map(_line, listed.splitlines())):
        found[section][name] = value
    told = {name: value for section in SECTIONS for name, value in found[section].items()}
    paths = {path for value in told.values() for path in _paths(value)} | {path for path in NAMES if path.exists()}
    environment = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in told.items()}
    return Network(environment, tuple(sorted(paths)))


def _line(line: str) -> tuple[str, str, str] | None:
    """Return section, option and value of a line; None of one about another command than install."""
    stated = LINE.fullmatch(line)
    return (stated[1], stated[2], " ".join(str(ast.literal_eval(stated[3])).split())) if stated else None


def _paths(value: str) -> Iterator[Path]:
    """Yield the paths that a value names; of an index in a folder the folder above, where its files are."""
    for word in value.split():
        path = Path(unquote(urlsplit(word).path)).parent if word.startswith("file:") else Path(word)
        if path.is_absolute() and path.exists():
            yield path
