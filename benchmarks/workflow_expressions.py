"""Evaluates the expressions of GitHub's workflows over a table of values; one that it does not know is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping

Value = str | bool | int | None

IN_TEXT = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|&&|\|\||==|!=|[!(),]|\d+|[A-Za-z_][\w.\-]*)")
_CONSTANTS: dict[str, Value] = {"true": True, "false": False, "null": None}


class UnknownError(ValueError):
    """An expression has a name, a function or a sign that is not known here."""


def render(text: str, values: Mapping[str, Value]) -> str:
    """Return a text with every `${{ ... }}` in it replaced by what it comes to."""
    return IN_TEXT.sub(lambda found: shown(evaluate(found[1], values)), text)


def condition(text: str, values: Mapping[str, Value]) -> bool:
    """Tell whether the `if` of a job or step holds; without one it does."""
    found = IN_TEXT.fullmatch(text.strip())
    return not text.strip() or truth(evaluate(found[1] if found else text, values))


def evaluate(expression: str, values: Mapping[str, Value]) -> Value:
    """Return what an expression comes to."""
    reader = _Reader(expression, values)
    value = reader.either()
    if reader.peek():
        raise UnknownError(f"{expression.strip()!r} goes on with {reader.peek()!r}")
    return value


def shown(value: Value) -> str:
    """Return a value as it stands in a text."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def truth(value: Value) -> bool:
    """Tell whether a value counts as true."""
    return value not in (None, False, "", 0)


class _Reader:
    """Reads one expression from left to right; each method reads what binds at least as tightly as its name says."""

    def __init__(self, expression: str, values: Mapping[str, Value]) -> None:
        self._values, self._tokens, at = values, list[str](), 0
        text = expression.strip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise UnknownError(f"{text!r} has a sign that is not known here, at {text[at:]!r}")
            self._tokens.append(found[1])
            at = found.end()

    def peek(self) -> str:
        """Return the next token, empty at the end."""
        return self._tokens[0] if self._tokens else ""

    def either(self) -> Value:
        """Read what `||` binds: the first that counts as true, else the last."""
        value = self.both()
        while self.peek() == "||":
            self._take()
            other = self.both()
            value = value if truth(value) else other
        return value

    def both(self) -> Value:
        """Read what `&&` binds: the first that does not count as true, else the last."""
        value = self.compared()
        while self.peek() == "&&":
            self._take()
            other = self.compared()
            value = other if truth(value) else value
        return value

    def compared(self) -> Value:
        """Read what `==` and `!=` bind; texts are alike whatever their case."""
        value = self.single()
        while self.peek() in ("==", "!="):
            wanted = self._take() == "=="
            value = (shown(value).lower() == shown(self.single()).lower()) is wanted
        return value

    def single(self) -> Value:
        """Read one value."""
        word = self._take()
        if word == "!":
            return not truth(self.single())
        if word == "(":
            value = self.either()
            self._need(")")
            return value
        if word.startswith("'"):
            return word[1:-1].replace("''", "'")
        return int(word) if word.isdigit() else self._named(word)

    def _named(self, name: str) -> Value:
        """Return what a name stands for, or what a function comes to."""
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if self.peek() == "(":
            return self._called(name)
        if name not in self._values:
            raise UnknownError(f"{name or 'the end'!r} is not known here")
        return self._values[name]

    def _called(self, name: str) -> Value:
        self._need("(")
        given: list[Value] = []
        while self.peek() != ")":
            given.append(self.either())
            if self.peek() != ")":
                self._need(",")
        self._need(")")
        if name == "format":
            text, *parts = map(shown, given)
            return re.sub(r"\{(\d+)\}", lambda found: parts[int(found[1])], text)
        # Such as always(): what it says of the job stands in the table.
        called = f"{name}({', '.join(map(shown, given))})"
        if called not in self._values:
            raise UnknownError(f"{called} is not known here")
        return self._values[called]

    def _take(self) -> str:
        return self._tokens.pop(0) if self._tokens else ""

    def _need(self, token: str) -> None:
        if self._take() != token:
            raise UnknownError(f"{token!r} is missing")
