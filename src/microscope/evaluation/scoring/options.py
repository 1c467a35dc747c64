"""The choices of an item as an answer may name them: by letter or by text; judges no answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_uppercase

from microscope.errors import UserError
from microscope.evaluation.scoring.text import normalise, without_articles
from microscope.records import Item

# Where the choices are in the question alone, an answer may name these.
_LETTERS_ALONE = "ABCDEFGHIJ"
_STRICT_LETTER = re.compile(r"([A-Z])[.)]?|\(([A-Z])\)\.?")
_LETTER = re.compile(r"[^\w]*([A-Za-z])[^\w]*")


@dataclass(frozen=True)
class Options:
    """The letters of an item's choices, and their texts in the same order (none where only letters are known)."""

    letters: str
    texts: tuple[str, ...]

    def strict(self, answer: str) -> int | None:
        """Return the number of the choice that is named by its capital letter or its very text, and nothing else."""
        match = _STRICT_LETTER.fullmatch(answer)
        if match is not None and (match[1] or match[2]) in self.letters:
            return self.letters.index(match[1] or match[2])
        return only(number for number, text in enumerate(self.texts) if text.strip() == answer)

    def lettered(self, answer: str) -> int | None:
        """Return the number of the choice whose letter, of either case, is all that the answer has besides marks."""
        match = _LETTER.fullmatch(answer)
        return self.letters.index(match[1].upper()) if match and match[1].upper() in self.letters else None

    def called(self, answer: str, reduce: Callable[[str], str]) -> int | None:
        """Return the number of the one choice whose text equals the answer once `reduce` has been through both."""
        wanted = reduce(answer)
        return only(number for number, text in enumerate(self.texts) if reduce(text) == wanted) if wanted else None


def only(numbers: Iterable[int]) -> int | None:
    """Return the one number there is; None where there is none, or several."""
    found = set(numbers)
    return found.pop() if len(found) == 1 else None


def less_articles(text: str) -> str:
    """Return the text normalised, without articles."""
    return without_articles(normalise(text))


@lru_cache(maxsize=1 << 12)
def options_of(choices: tuple[str, ...]) -> Options:
    """Return the options of an item's choices."""
    return Options(ascii_uppercase[: len(choices)] if choices else _LETTERS_ALONE, choices)


def right_choices(item: Item) -> frozenset[int]:
    """Return the numbers of the choices that an item's answers name, by letter or by text.

    A capital letter is a letter even where it is some choice's text. An item that names none is a `UserError`.
    """
    right = _right(item.choices, item.answers)
    if not right:
        kind = "the letter or the text of one of its choices" if item.choices else "a letter from A to J"
        raise UserError(f"Item {item.id!r} has no right choice; give it as its answer {kind}.")
    return right


@lru_cache(maxsize=1 << 12)
def _right(choices: tuple[str, ...], answers: tuple[str, ...]) -> frozenset[int]:
    """Return the numbers of the choices that answers name; equal texts are all right."""
    options, right = options_of(choices), set()
    for answer in map(str.strip, answers):
        number = options.strict(answer)
        if number is None:
            number = options.lettered(answer)
        same = (
            {number}
            if number is not None
            else {at for at, text in enumerate(choices) if normalise(text) == normalise(answer)}
        )
        right |= same
    return frozenset(right)
