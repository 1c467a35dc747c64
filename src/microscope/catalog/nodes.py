"""YAML as nodes that know their lines, and the refusal of a value in its line; knows nothing of checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from microscope.catalog.fields import end
from microscope.errors import UserError

NULL = "tag:yaml.org,2002:null"
_LONGEST_SHOWN = 60


class RefusedError(Exception):
    """A value that cannot be used: the rest of the sentence after its file and line."""

    def __init__(self, node: yaml.Node, reason: str) -> None:
        super().__init__(reason)
        self.line = line_of(node)

    def sentence(self, path: Path) -> str:
        """Return the whole sentence."""
        return end(f"{path.name}, line {self.line}: {self}")


def compose(path: Path) -> yaml.Node | None:
    """Read a YAML file into nodes (None: it is empty); a UserError says so where it is missing or is no YAML."""
    try:
        return yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except OSError as error:
        reason = f"The catalogue {path} cannot be read ({error.strerror}): restore it, or set MICROSCOPE_CATALOG."
        raise UserError(reason) from error
    except UnicodeDecodeError as error:
        raise UserError(f"The catalogue {path} is not UTF-8 text: save it as UTF-8.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "it holds a character that YAML does not allow"
        raise UserError(f"The catalogue {path}{line} is not valid YAML ({problem}): correct it there.") from error
    except RecursionError as error:
        raise UserError(f"The catalogue {path} is not valid YAML (nested too deeply): correct it.") from error
    except (ValueError, OverflowError) as error:
        reason = f"The catalogue {path} is not valid YAML (an escape such as \\U is beyond Unicode): correct it."
        raise UserError(reason) from error


def line_of(node: yaml.Node) -> int:
    """Return the line of the file that a node begins in, counted from 1."""
    return int(node.start_mark.line) + 1


def pairs(node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Yield the name, the node of the name, and the value of each pair of a mapping."""
    for key, value in node.value:
        yield _without_surrogates(key.value) if isinstance(key, yaml.ScalarNode) else show(key), key, value


def fields(node: yaml.Node, check: Callable[[str, yaml.Node], None]) -> dict[str, yaml.Node]:
    """Return the fields of a mapping by name; one without a value counts as not given.

    `check` gets each name with its node, and refuses the unknown ones.
    """
    if not isinstance(node, yaml.MappingNode):
        raise RefusedError(node, f"it holds {show(node)}; write indented fields, such as hub: org/name")
    given: dict[str, yaml.Node] = {}
    for name, key, value in pairs(node):
        check(name, key)
        if name in given:
            raise RefusedError(key, f"{name!r} is given twice; remove one")
        given[name] = value
    return {name: value for name, value in given.items() if value.tag != NULL}


def read(field: str, node: yaml.Node, parser: Callable[[str], Any]) -> Any:  # noqa: ANN401 - what the parser makes of it
    """Return what a parser makes of a field's text; its ValueError says what is allowed."""
    try:
        return parser(scalar(field, node))
    except ValueError as error:
        raise RefusedError(node, f"{field} is {show(node)}; write {error}") from error


def scalar(field: str, node: yaml.Node) -> str:
    """Return a value's text as written, so that a revision `1.0` or a licence `no` stays what it is."""
    if not isinstance(node, yaml.ScalarNode):
        raise RefusedError(node, f"{field} is {show(node)}; write one value")
    text = str(node.value)
    if "\0" in text or _without_surrogates(text) != text:
        raise RefusedError(node, f"{field} is {show(node)}; write it without control characters")
    return text


def show(node: yaml.Node) -> str:
    """Return a value for a sentence, cut where it is long."""
    if isinstance(node, yaml.ScalarNode):
        text = str(node.value)
        return repr(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "...")
    return "a list" if isinstance(node, yaml.SequenceNode) else "indented fields"


def _without_surrogates(text: str) -> str:
    """Return a text that can be encoded: YAML's escapes may write half a character."""
    return text.encode("utf-8", "replace").decode("utf-8")
