"""Checks of single values, to be put together into a table of fields; knows no key by name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from microscope.catalog.fields import nearest
from microscope.space.front_matter.problem import Problem, error, warning
from microscope.space.front_matter.values import Value

# Yields what is wrong with the value of a key.
Check = Callable[[str, Value], Iterator[Problem]]
# Returns what to write instead of a text; empty where the text is right.
Advice = Callable[[str], str]

_READ_AS = {"number": "a number", "flag": "true or false", "date": "a date"}
_MOST_LISTED = 25


def suggest(word: str, allowed: Collection[str], otherwise: str = "") -> str:
    """Return what to say about an unknown word: the nearest allowed one, whatever its case, or `otherwise`, or all."""
    by_lower = {known.lower(): known for known in allowed}
    close = difflib.get_close_matches(word.strip().lower(), by_lower, n=1)
    if close:
        return f"did you mean {by_lower[close[0]]!r}?"
    return otherwise if otherwise or len(allowed) > _MOST_LISTED else nearest(word, allowed)


def any_text(_: str) -> str:
    """Take every text."""
    return ""


def one_of(allowed: Collection[str], otherwise: str = "") -> Advice:
    """Return the advice about a word that must be one of some."""
    return lambda text: "" if text in allowed else suggest(text, allowed, otherwise)


def matching(pattern: str, advice: str) -> Advice:
    """Return the advice about a text that must have a shape."""
    return lambda text: "" if re.fullmatch(pattern, text, re.ASCII) else advice


def text(advice: Advice = any_text) -> Check:
    """Return the check of a field that holds one text."""

    def check(key: str, value: Value) -> Iterator[Problem]:
        if value.kind != "text":
            yield error(value.line, key, not_a_text(key, value))
        elif not value.content.strip():
            yield error(value.line, key, f"{key} is empty; give it a value, or remove the line")
        elif wrong := advice(value.content):
            yield error(value.line, key, f"{key} is {value.shown}; {wrong}")

    return check


def not_a_text(key: str, value: Value) -> str:
    """Return the sentence about a value that should be one text."""
    if value.kind == "nothing":
        return f"{key} has no value; give it one, or remove the line"
    if value.kind == "tagged":
        return f"{key} has a tag that begins with !, which the Hub does not know; write the value without it"
    if value.kind in ("list", "fields"):
        return f"{key} is {value.shown}; write one value"
    return f'{key} is {value.written}, which YAML reads as {_READ_AS[value.kind]}; write "{value.written}" in quotes'


def flag(key: str, value: Value) -> Iterator[Problem]:
    """Check a field that is true or false."""
    if value.kind == "nothing":
        yield error(value.line, key, not_a_text(key, value))
    elif value.kind == "text" and value.written.lower() in ("true", "false"):
        yield error(value.line, key, f"{key} is {value.shown} in quotes, a text; write {value.written.lower()} alone")
    elif value.kind != "flag":
        shown = value.shown or value.written
        yield error(value.line, key, f"{key} is {shown}; write true or false, the only words the Hub takes here")


def whole(least: int, most: int) -> Check:
    """Return the check of a field that is a whole number."""

    def check(key: str, value: Value) -> Iterator[Problem]:
        if value.kind == "nothing":
            yield error(value.line, key, not_a_text(key, value))
        elif value.kind == "text" and re.fullmatch(r"\d+", value.written, re.ASCII):
            yield error(value.line, key, f"{key} is {value.shown} in quotes, a text; write {value.written} alone")
        elif not isinstance(value.content, int) or value.kind != "number" or not least <= value.content <= most:
            yield error(value.line, key, f"{key} is {value.shown}; write a whole number from {least} to {most}")

    return check


def version(advice: Advice) -> Check:
    """Return the check of a version, which YAML reads as a number where it has two parts and no quotes."""

    def check(key: str, value: Value) -> Iterator[Problem]:
        quoted = f'write {key}: "{value.written}"'
        if value.kind == "number" and isinstance(value.content, float):
            read = repr(value.content)
            if wrong := advice(value.written):
                yield error(value.line, key, f"{key} is {value.shown}; {wrong}")
            elif read != value.written:
                reason = f"{key} is {value.written} without quotes, which YAML reads as the number {read}; {quoted}"
                yield error(value.line, key, reason)
            else:
                reason = f"{key} is a number without quotes, and 3.10 would become 3.1; {quoted}"
                yield warning(value.line, key, reason)
        elif value.kind == "number":
            yield error(value.line, key, f"{key} is {value.shown}; {advice(value.written)}")
        else:
            yield from text(advice)(key, value)

    return check


def listed(item: Check, *, single: bool = False) -> Check:
    """Return the check of a list, or of one value alone where `single` allows that."""

    def check(key: str, value: Value) -> Iterator[Problem]:
        if value.kind == "list":
            yield from _items(key, value, item)
        elif single:
            yield from item(key, value)
        elif value.kind in ("nothing", "tagged"):
            yield error(value.line, key, not_a_text(key, value))
        else:
            held = f"is {value.shown}, one value" if value.kind != "fields" else "holds indented fields"
            yield error(value.line, key, f"{key} {held}; write a list, one - value a line")

    return check


def _items(key: str, value: Value, item: Check) -> Iterator[Problem]:
    """Yield what is wrong with the items of a list, and those that stand in it twice."""
    seen: dict[str, int] = {}
    for one in value.content:
        for problem in item(f"an item of {key}", one):
            yield replace(problem, key=key)
        if one.kind == "text" and one.content in seen:
            reason = f"{key} has {one.shown} twice, first in line {seen[one.content]}; remove one of the two"
            yield warning(one.line, key, reason)
        elif one.kind == "text":
            seen[one.content] = one.line
