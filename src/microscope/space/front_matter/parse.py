"""Parses the front matter's YAML into values by key, and says in its line what is no YAML; knows no key."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from microscope.catalog.nodes import show
from microscope.space.front_matter.block import Block, line_at
from microscope.space.front_matter.problem import Problem, error, warning
from microscope.space.front_matter.values import Value, read_value

_HEADING = re.compile(r"^(#{1,6} \S|```|\[!|!\[|<\w)")
_NO_SPACE = re.compile(r"([A-Za-z_]+):[^\s/]")
_RESERVED = "@`%"


@dataclass(frozen=True)
class Parsed:
    """The values by key, in their order, and what is wrong; `values` is None where there is no mapping."""

    values: Mapping[str, Value] | None
    problems: tuple[Problem, ...]


def parse(block: Block) -> Parsed:
    """Return the fields of a front matter."""
    before = block.line - 1
    try:
        node = yaml.compose(block.text, Loader=yaml.SafeLoader)
        anchors = _anchors(block.text, before)
    # The last two are an escape beyond Unicode.
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as failure:
        return Parsed(None, (_explain(block, failure),))
    if node is None:
        reason = "the front matter holds no field; write sdk: gradio and the other fields"
        return Parsed(None, (error(block.line, "", reason),))
    if not isinstance(node, yaml.MappingNode):
        held = show(node)
        what = f"is {held}" if held == "a list" else f"is the text {held}"
        return Parsed(None, (error(block.line, "", f"the front matter {what}; write one key: value a line"),))
    value = read_value(node, before)
    twice = []
    for key, line in value.twice.items():
        first = value.content[key].line
        twice.append(error(line, key, f"{key} is given twice, first in line {first}; remove one of the two"))
    return Parsed(value.content, (*twice, *anchors))


def _anchors(text: str, before: int) -> tuple[Problem, ...]:
    """Return one warning for the first anchor or alias."""
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        if isinstance(token, yaml.AnchorToken | yaml.AliasToken):
            sign = "&" if isinstance(token, yaml.AnchorToken) else "*"
            line = int(token.start_mark.line) + 1 + before
            reason = f"{sign}{token.value} makes one field depend on another; write the value out in both"
            return (warning(line, "", reason),)
    return ()


def _explain(block: Block, failure: Exception) -> Problem:
    """Return what a text that is no YAML should be instead, in the line where it goes wrong."""
    before = block.line - 1
    if isinstance(failure, RecursionError):
        return error(block.line, "", "the front matter is nested too deeply; write one key: value a line")
    lines = re.split(r"\r\n|\r|\n", block.text)
    if isinstance(failure, ValueError | OverflowError):
        at = next((number for number, text in enumerate(lines) if _beyond(text)), 0)
        reason = r"an escape \U names no character; write the character itself"
        return error(at + 1 + before, _key(lines[at]), reason)
    if isinstance(failure, yaml.reader.ReaderError):
        line = line_at(block.text, failure.position)
        reason = f"the line holds the character U+{failure.character:04X}, which YAML does not allow; remove it"
        return error(line + before, _key(lines[line - 1]), reason)
    heading = next((number for number, text in enumerate(lines) if number and _HEADING.match(text)), None)
    if heading is not None and not lines[heading - 1].strip():
        reason = "the front matter has no end before the text begins here; write a line that is exactly --- above it"
        return error(heading + 1 + before, "", reason)
    mark = getattr(failure, "problem_mark", None)
    at, column = (int(mark.line), int(mark.column)) if mark is not None else (0, 0)
    start = getattr(failure, "context_mark", None)
    if start is not None:
        at = min(at, int(start.line))
    at = min(at, len(lines) - 1)
    place, reason = _advice(lines, at, column, getattr(failure, "problem", None) or "")
    return error(place + 1 + before, _key(lines[place]), reason)


def _advice(lines: list[str], at: int, column: int, problem: str) -> tuple[int, str]:
    """Return the index of the line to correct, and how: the first of these that holds."""
    line = lines[at]
    above = max(0, at - 1)
    character = line[column : column + 1]
    told = (
        ("\t" in line[: column + 1], at, "the line holds a tab, which YAML does not take; write spaces"),
        (
            bool(character) and character in _RESERVED,
            at,
            f"a value begins with {character}, which YAML keeps for itself; put the value in quotes",
        ),
        (
            "mapping values" in problem and _NO_SPACE.match(lines[above]) is not None,
            above,
            "a space is missing after the colon; write key: value",
        ),
        (
            "mapping values" in problem,
            at,
            "the value holds a colon and a space, which YAML reads as a field; put the value in quotes",
        ),
        (
            "undefined alias" in problem or "alphabetic or numeric" in problem,
            at,
            f"a value begins with {_sign(line)}, which YAML reads as a name of another; put the value in quotes",
        ),
        ("end of stream" in problem, at, "a quotation mark is never closed; add the second one"),
        (
            "','" in problem,
            at,
            "a bracket is never closed, or the text after it belongs in quotes; close it, or quote the value",
        ),
        (_NO_SPACE.match(line) is not None, at, "a space is missing after the colon; write key: value"),
        (
            "expected ':'" in problem,
            at,
            "the line is neither a field nor an item of a list; write key: value, or - value with a space",
        ),
    )
    otherwise = f"the line is not valid YAML ({problem or 'it cannot be read'}); correct it"
    return next(((place, reason) for holds, place, reason in told if holds), (at, otherwise))


def _beyond(line: str) -> bool:
    """Tell whether a line has an escape that is no character of Unicode."""
    return any(int(code, 16) > sys.maxunicode for code in re.findall(r"\\U([0-9A-Fa-f]{8})", line))


def _key(line: str) -> str:
    """Return the key that a line begins with, or an empty text."""
    found = re.match(r"\s*([\w-]+)\s*:", line)
    return found[1] if found else ""


def _sign(line: str) -> str:
    """Return the first sign of an anchor or an alias in a line."""
    found = re.search(r"[*&]", line)
    return found[0] if found else "* or &"
