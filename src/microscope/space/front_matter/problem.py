"""One thing that is wrong with a front matter, told with its line; data alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from microscope.catalog.fields import end


@dataclass(frozen=True)
class Problem:
    """A line of the README counted from 1, the key it is about (empty: none), and one sentence with what to do.

    An error is what the Hub refuses, or what would make another Space than the line says; a warning is what it
    ignores, or what works today by luck.
    """

    line: int
    key: str
    sentence: str
    level: Literal["error", "warning"] = "error"

    def told(self, name: str = "README.md") -> str:
        """Return the sentence with the file and the line before it."""
        return f"{name}, line {self.line}: {self.sentence}"


def error(line: int, key: str, reason: str) -> Problem:
    """Return an error from a sentence without its full stop."""
    return Problem(line, key, end(reason))


def warning(line: int, key: str, reason: str) -> Problem:
    """Return a warning from a sentence without its full stop."""
    return Problem(line, key, end(reason), "warning")
