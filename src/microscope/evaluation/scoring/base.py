"""What a scorer is, and what it returns; knows no scorer, no model and no statistics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from microscope.records import Item

STRICT, NORMAL, LENIENT = "strict", "normal", "lenient"
STRICTNESS = (STRICT, NORMAL, LENIENT)


@dataclass(frozen=True)
class Score:
    """How right an answer is, in [0, 1]; `parsed` tells whether an answer could be read out of the text at all."""

    value: float
    parsed: bool = True


@dataclass(frozen=True)
class Scorer:
    """A rule that judges an answer's text against an item, at one of the three strictnesses.

    Strict demands the references' own format, normal is the published metric with its known errors mended, lenient
    reads the answer out of a sentence too; for every answer strict <= normal <= lenient. `note` says in one sentence
    what counts as right and whose metric that is. `binary` tells whether every score is 0 or 1.
    """

    key: str
    label: str
    note: str
    score: Callable[[str, Item, str], Score]
    binary: bool
