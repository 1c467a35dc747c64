"""Reads a README's front matter: its fields, and everything that is wrong with it; asks no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from microscope.hardware import Tier, tier
from microscope.space.front_matter.block import find_block
from microscope.space.front_matter.fields import FIELDS, unknown
from microscope.space.front_matter.parse import parse
from microscope.space.front_matter.problem import Problem, error
from microscope.space.front_matter.together import check_together
from microscope.space.front_matter.values import Value


@dataclass(frozen=True)
class FrontMatter:
    """The fields by key as the Hub reads them, the line of each, what the Hub refuses, and what it ignores.

    Lists are tuples. Fields that are wrong are among them, as written; where the front matter itself cannot be read
    there are none, and a problem says so.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def text(self, key: str) -> str:
        """Return a field as a text; empty where it is not given or is a list."""
        value = self.fields.get(key)
        if isinstance(value, bool):
            return str(value).lower()
        return str(value) if isinstance(value, str | int | float) else ""


def read_front_matter(readme: str, root: Path | None = None) -> FrontMatter:
    """Return what a README's front matter says and what is wrong with it, in the order of its lines; raises nothing.

    `readme` is the whole file's text, line breaks as they are. `root` is the repository's folder, where the files that
    fields name are looked for; None: they are not.
    """
    block, around = find_block(readme)
    if block is None:
        return _front_matter({}, around)
    parsed = parse(block)
    found = [*around, *parsed.problems]
    values = parsed.values
    if values is None:
        return _front_matter({}, found)
    for key, value in values.items():
        if key in FIELDS:
            found.extend(FIELDS[key](key, value))
        else:
            found.append(unknown(key, value))
    wrong = {problem.key for problem in found if problem.level == "error"}
    # A field is not judged twice: beside the others only what is well-formed counts.
    found.extend(one for one in check_together(values, block.line, root) if one.key not in wrong)
    return _front_matter(values, found)


def read_readme(path: Path) -> str:
    """Return a README's text with its line breaks as they are; a mark of byte order stays."""
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def front_matter_of(path: Path, root: Path | None = None) -> FrontMatter:
    """Return what the front matter of a file says; that the file is missing or is no text is a problem of it."""
    try:
        return read_front_matter(read_readme(path), root)
    except OSError as failure:
        reason = f"{path.name} cannot be read ({failure.strerror}); put it back, for the Hub reads it first"
    except UnicodeDecodeError:
        reason = f"{path.name} is no UTF-8 text; save it as UTF-8"
    return FrontMatter(problems=(error(1, "", reason),))


def hardware_of(front: FrontMatter) -> Tier | None:
    """Return the hardware that a front matter asks for, or None where it names none that a Space can have."""
    found = tier(front.text("suggested_hardware"))
    return found if found is not None and found.on_hub else None


def _front_matter(values: Mapping[str, Value], found: list[Problem] | tuple[Problem, ...]) -> FrontMatter:
    ordered = sorted(found, key=lambda problem: problem.line)
    return FrontMatter(
        fields={key: value.plain for key, value in values.items()},
        lines={key: value.line for key, value in values.items()},
        problems=tuple(problem for problem in ordered if problem.level == "error"),
        warnings=tuple(problem for problem in ordered if problem.level == "warning"),
    )
