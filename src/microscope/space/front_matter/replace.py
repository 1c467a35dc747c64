"""Changes one field of a README's front matter and leaves every other byte as it is; writes no file."""

from __future__ import annotations

import json
import re

import yaml

from microscope.catalog.fields import end
from microscope.catalog.nodes import NULL, pairs
from microscope.errors import UserError
from microscope.space.front_matter.block import find_block
from microscope.space.front_matter.fields import FIELDS, unknown
from microscope.space.front_matter.reading import read_front_matter
from microscope.space.front_matter.values import Value

# What needs no quotes in YAML 1.1 or 1.2: words in a row without signs of YAML's, and versions of three numbers.
_PLAIN = re.compile(r"[A-Za-z][\w./+-]*(?: [\w./+()-]+)*|\d+\.\d+\.\d+", re.ASCII)
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def replace_field(readme: str, key: str, value: str | bool | int) -> str:  # noqa: FBT001 - the field's own value
    """Return the README with one field set to a value; a field that is not there becomes the last one.

    Everything else stays as it is, byte for byte: comments, order, quotes, line breaks. Raises a UserError where the
    front matter cannot be read, where the field is a list, and where the Hub would refuse the value.
    """
    if key not in FIELDS:
        raise UserError(unknown(key, Value(0, "text")).sentence)
    block, problems = find_block(readme)
    if block is None:
        raise UserError(f"README.md cannot be changed: {problems[-1].sentence}")
    before = read_front_matter(readme)
    if not before.fields:
        raise UserError(f"README.md cannot be changed: {before.problems[0].sentence}")
    line_break = "\r\n" if readme[: block.start].endswith("\r\n") else "\n"
    start, stop, text = _change(block.text, key, value) or (len(block.text), len(block.text), "")
    text = text or f"{line_break}{key}: {_written(value)}"
    changed = readme[: block.start + start] + text + readme[block.start + stop :]
    after = read_front_matter(changed)
    refused = [problem for problem in after.problems if problem.key == key]
    if refused:
        raise UserError(refused[0].sentence)
    if dict(after.fields) != {**before.fields, key: value}:
        raise UserError(_by_hand(key, value))
    return changed


def _change(text: str, key: str, value: str | bool | int) -> tuple[int, int, str] | None:  # noqa: FBT001 - as above
    """Return from where to where in the front matter the value stands, and what to put there; None: it has no key."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    named = pairs(node) if isinstance(node, yaml.MappingNode) else ()
    found = [(name, one) for name_text, name, one in named if name_text == key]
    if not found:
        return None
    name, one = found[0]
    after_name = int(name.end_mark.index)
    colon = re.match(r"\s*:", text[after_name:])
    if len(found) > 1 or not isinstance(one, yaml.ScalarNode) or colon is None:
        raise UserError(_by_hand(key, value))
    after_colon = after_name + colon.end()
    start, stop = int(one.start_mark.index), int(one.end_mark.index)
    if one.tag == NULL and start == stop:
        return after_colon, after_colon, f" {_written(value)}"
    # An alias is the very value of its anchor, whose marks tell where that one stands.
    if start < after_colon or text[after_colon:start].strip():
        raise UserError(_by_hand(key, value))
    stop = start + len(text[start:stop].rstrip("\r\n"))
    return start, stop, _written(value, quoted=one.style in ('"', "'"))


def _written(value: str | bool | int, *, quoted: bool = False) -> str:  # noqa: FBT001 - as above
    """Return a value as YAML; a text in quotes where it had some, or where YAML would read another thing."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if not quoted and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def _by_hand(key: str, value: object) -> str:
    return end(f"{key} is not one value on a line of its own in README.md; write {key}: {value} there by hand")
