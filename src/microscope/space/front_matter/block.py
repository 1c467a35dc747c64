"""Finds the front matter's text in a README, as the Hub does, and says where it has none; reads no YAML."""

from __future__ import annotations

import re
from dataclasses import dataclass

from microscope.space.front_matter.problem import Problem, error, warning

BOM = "\ufeff"
# As the Hub's server and its client have them.
_OPEN = re.compile(r"\s*---(?:\r\n|\r|\n)")
_CLOSE = re.compile(r"(?:\r\n|\r|\n)---[ \t]*(?=\r\n|\n|\Z)")
_BREAK = re.compile(r"\r\n|\r|\n")
_FENCE = re.compile(r"^---[ \t]*$", re.MULTILINE)
_FENCED_FIELD = re.compile(r"^---[ \t]*(?:\r\n|\r|\n)\s*[A-Za-z_]+:", re.MULTILINE)
_DASHES = re.compile(r"[-\u2010-\u2015\u2212]{2,}")
_FIRST_LINE = "begin README.md with a line that is exactly ---"


@dataclass(frozen=True)
class Block:
    """The text between the two lines of dashes, where it begins and ends in the README, and its first line's number.

    `start` and `end` count characters; the line break before the closing dashes is not part of the text.
    """

    text: str
    start: int
    end: int
    line: int


def find_block(readme: str) -> tuple[Block | None, tuple[Problem, ...]]:
    """Return the front matter's text, or None, and what is wrong with the lines around it."""
    found: list[Problem] = []
    start = len(BOM) if readme.startswith(BOM) else 0
    if start:
        found.append(error(1, "", "README.md begins with a byte order mark; save it as UTF-8 without one"))
    opened = _OPEN.match(readme, start)
    if opened is None:
        return None, (*found, _unopened(readme, start))
    line = line_at(readme, opened.end())
    if readme[start : opened.end()].lstrip() != readme[start : opened.end()]:
        reason = "README.md begins with empty lines, which not every reader of front matter skips; remove them"
        found.append(warning(1, "", reason))
    if re.match(r"---[ \t]*(?:\r|\n|\Z)", readme[opened.end() :]):
        return None, (*found, error(line, "", "the front matter is empty; write sdk: gradio and the other fields"))
    closed = _CLOSE.search(readme, opened.end())
    if closed is None:
        reason = "the front matter has no end; write a line that is exactly --- after its last field"
        return None, (*found, error(line - 1, "", reason))
    text = readme[opened.end() : closed.start()]
    return Block(text, opened.end(), closed.start(), line), tuple(found)


def line_at(readme: str, position: int) -> int:
    """Return the number of the line that a position of the README is in, counted from 1."""
    return sum(1 for _ in _BREAK.finditer(readme, 0, position)) + 1


def _unopened(readme: str, start: int) -> Problem:
    """Return why a README has no beginning of a front matter."""
    text = readme[start:].lstrip()
    line = line_at(readme, len(readme) - len(text))
    first = _BREAK.split(text, maxsplit=1)[0]
    if not text:
        return error(1, "", f"README.md is empty; {_FIRST_LINE}, then sdk: gradio and the other fields")
    if first.rstrip() == "---":
        return error(line, "", "the first line has spaces after ---, which the Hub does not take; remove them")
    if _DASHES.match(first):
        return error(line, "", f"the first line is {first[:20]!r}; {_FIRST_LINE}")
    if _FENCED_FIELD.search(text):
        return error(line, "", "text stands before the front matter, which hides it from the Hub; move it below")
    if re.match(r"[A-Za-z_]+:\s", first) and _FENCE.search(text):
        return error(line, "", f"the front matter has no first ---; {_FIRST_LINE}")
    return error(line, "", f"README.md has no front matter; {_FIRST_LINE}, then sdk: gradio and the other fields")
