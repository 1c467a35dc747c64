"""What a build is given of a folder: the files that .dockerignore leaves, by the rules that Docker states for it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NAME = ".dockerignore"


@dataclass(frozen=True)
class Rule:
    """One line: what it says, what that matches, and whether it is let in again."""

    text: str
    pattern: re.Pattern[str]
    let_in: bool


def read_rules(root: Path) -> tuple[Rule, ...]:
    """Return the rules of a folder's file, in order; none where it has no such file."""
    path = root / NAME
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    stated = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return tuple(_rule(line.removeprefix("!"), let_in=line.startswith("!")) for line in stated)


def ignored(path: str, rules: tuple[Rule, ...]) -> bool:
    """Tell whether a file is kept from the build: the last rule decides that matches it or a folder that it is in."""
    parts = path.split("/")
    places = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    out = False
    for rule in rules:
        if any(rule.pattern.fullmatch(place) for place in places):
            out = not rule.let_in
    return out


def context(root: Path) -> Iterator[str]:
    """Yield the paths of all files that a build of a folder is given, relative to it."""
    rules = read_rules(root)
    for folder, folders, files in os.walk(root):
        place = Path(folder).relative_to(root)
        folders[:] = sorted(name for name in folders if not _closed((place / name).as_posix(), rules))
        yield from (path for name in sorted(files) if not ignored(path := (place / name).as_posix(), rules))


def _closed(folder: str, rules: tuple[Rule, ...]) -> bool:
    """Tell whether nothing in a folder can be let in, so that nobody has to look."""
    inside = (rule for rule in rules if rule.let_in and ("*" in rule.text or rule.text.startswith(f"{folder}/")))
    return ignored(folder, rules) and next(inside, None) is None


def _rule(line: str, *, let_in: bool) -> Rule:
    """Return what a line says: `**` is any number of folders, `*` and `?` stay inside a name."""
    text = line.removeprefix("./").strip("/")
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", text)
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pattern = "".join(part if part[:1] == "[" else meaning.get(part, re.escape(part)) for part in parts)
    return Rule(text, re.compile(pattern), let_in)
