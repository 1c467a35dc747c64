"""YAML's values as the Hub reads them, with their lines; knows no key.

The Hub reads YAML 1.2, PyYAML 1.1: `yes` is a text to the one and true to the other. So PyYAML parses, and the words
are read here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from microscope.catalog.nodes import NULL, line_of, pairs, show

Kind = Literal["text", "number", "flag", "nothing", "date", "list", "fields", "tagged"]

_TAG = "tag:yaml.org,2002:"
_KINDS: Mapping[str, Kind] = {
    NULL: "nothing",
    f"{_TAG}bool": "flag",
    f"{_TAG}int": "number",
    f"{_TAG}float": "number",
    f"{_TAG}timestamp": "date",
    f"{_TAG}str": "text",
    f"{_TAG}value": "text",
    f"{_TAG}merge": "text",
}
_DEEPEST = 2


@dataclass(frozen=True)
class Value:
    """One value: its line in the README, what the Hub takes it for, its content, and the text as written.

    The content of a list is a tuple of values, that of fields a mapping of them; what is nested deeper than any field
    may be is left out. `written` is empty for both; `shown` is for a sentence.
    """

    line: int
    kind: Kind
    content: Any = None
    written: str = ""
    shown: str = ""
    twice: Mapping[str, int] = field(default_factory=dict)

    @property
    def plain(self) -> Any:  # noqa: ANN401 - whatever the YAML holds
        """Return the content without lines."""
        if self.kind == "list":
            return tuple(item.plain for item in self.content)
        if self.kind == "fields":
            return {name: item.plain for name, item in self.content.items()}
        return self.written if self.kind in ("date", "tagged") else self.content


def read_value(node: yaml.Node, before: int, depth: int = 0, key: yaml.Node | None = None) -> Value:
    """Return the value of a node; `before` is how many lines of the README come before the YAML's first.

    The line is that of its key, where it has one.
    """
    line = line_of(key or node) + before
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, line)
    if isinstance(node, yaml.SequenceNode):
        items = tuple(read_value(item, before, depth + 1) for item in node.value) if depth < _DEEPEST else ()
        return Value(line, "list", items, shown=show(node))
    given: dict[str, Value] = {}
    twice: dict[str, int] = {}
    for name, own, value in pairs(node) if isinstance(node, yaml.MappingNode) and depth < _DEEPEST else ():
        if name in given:
            twice[name] = line_of(own) + before
        else:
            given[name] = read_value(value, before, depth + 1, own)
    return Value(line, "fields", given, shown=show(node), twice=twice)


def _scalar(node: yaml.ScalarNode, line: int) -> Value:
    text = _joined(str(node.value))
    kind = _KINDS.get(node.tag, "tagged")
    if kind == "flag" and text.lower() not in ("true", "false"):
        kind = "text"
    content: Any = text
    if kind == "flag":
        content = text.lower() == "true"
    elif kind == "number":
        content = _number(text)
        # `1:30` is a number to the base of 60 in YAML 1.1 alone.
        kind = "text" if content is None else kind
    elif kind == "nothing":
        content = None
    return Value(line, kind, text if content is None and kind == "text" else content, text, show(node))


def _number(text: str) -> int | float | None:
    """Return the number that YAML 1.2 reads, or None."""
    digits = text.replace("_", "")
    try:
        return int(digits) if re.fullmatch(r"[-+]?\d+", digits) else int(digits, 0)
    except ValueError:
        pass
    if re.fullmatch(r"[-+]?\.(inf|nan)", digits, re.IGNORECASE):
        return math.nan
    try:
        return float(digits)
    except ValueError:
        return None


def _joined(text: str) -> str:
    """Return a text whose characters of two halves, written as two escapes, are one each, as JavaScript has them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
