"""Which scorer fits a set's answers best; looks at the items alone."""

from __future__ import annotations

from collections.abc import Sequence

from microscope.evaluation.scoring.numerals import written
from microscope.evaluation.scoring.text import normalise
from microscope.records import Item

_ANNOTATORS = 10


def suggest(items: Sequence[Item]) -> str:
    """Return the key of the scorer that fits: choice, vqa for many annotators, number for numbers, or exact.

    Items with choices are scored by choice whatever the key is; the others decide it. Annotators are seen where most
    items have ten answers, or an answer given twice. Numbers in words are exact.
    """
    asked = [item for item in items if not item.choices]
    if items and not asked:
        return "choice"
    annotated = sum(_annotated(item) for item in asked)
    if 2 * annotated > len(asked):
        return "vqa"
    numbers = (written(answer) is not None for item in asked for answer in item.answers)
    return "number" if any(item.answers for item in asked) and all(numbers) else "exact"


def _annotated(item: Item) -> bool:
    """Tell whether an item's answers are several people's."""
    return len(item.answers) >= _ANNOTATORS or len(set(map(normalise, item.answers))) < len(item.answers)
