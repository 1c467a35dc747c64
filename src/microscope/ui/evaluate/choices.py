"""What a visitor chose for a run, read from the fields' values and checked; knows no component and no model."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from microscope.errors import UserError
from microscope.evaluation.ablation import find_factor, read_levels
from microscope.evaluation.items.base import ItemSet
from microscope.evaluation.items.hub import hub_id
from microscope.evaluation.items.reading import digest_items
from microscope.ui.evaluate import words

MOST_NEW_TOKENS, MOST_ITEMS, MOST_MARGIN = 1024, 1_000_000, 100
FIELDS = tuple(words.COLUMN_NAMES)
# Draws the same items from the same set every time.
DRAW_SEED = 0


@dataclass(frozen=True)
class Source:
    """Where a set comes from: the shipped one, an uploaded file (its path), or a dataset of the Hub and its split."""

    kind: str = words.SHIPPED
    file: str | None = None
    hub: str = ""
    split: str = ""

    def checked(self) -> Source:
        """Return the source as it can be read; what is missing is a `UserError`."""
        typed = self.hub.strip()
        if self.kind == words.UPLOAD and not self.file:
            raise UserError(words.NO_FILE)
        if self.kind == words.HUB and not typed:
            raise UserError(words.NO_HUB_ID)
        if self.kind == words.HUB and not hub_id(typed):
            raise UserError(words.BAD_HUB_ID.format(name=typed[:60]))
        return replace(self, hub=hub_id(typed), split=self.split.strip())


@dataclass(frozen=True)
class Choices:
    """What is asked of a run, apart from its set; `margin` is in points, `limit` 0 takes all items.

    `factors` are the levels of what is varied, as they were typed, by the factor's key.
    """

    checkpoints: tuple[str, ...]
    scorer: str
    new_tokens: int
    limit: int = 0
    at_random: bool = False
    early: bool = False
    baseline: str | None = None
    margin: float = 0.0
    factors: tuple[tuple[str, tuple[str, ...]], ...] = ()


def read_choices(values: Sequence[Any]) -> Choices:
    """Return what the fields' values say, in the order of `layout.Choosing.inputs`; nonsense is a `UserError`."""
    checkpoints, scorer, new_tokens, limit, at_random, early, baseline, margin, *factors = values
    return Choices(
        checkpoints=tuple(dict.fromkeys(checkpoints or ())),
        scorer=scorer or "",
        new_tokens=int(_within(words.NEW_TOKENS, new_tokens, 1, MOST_NEW_TOKENS)),
        limit=int(_within(words.LIMIT, limit, 0, MOST_ITEMS)),
        at_random=bool(at_random),
        early=bool(early),
        baseline=baseline or None,
        margin=_within(words.MARGIN, margin, 0, MOST_MARGIN),
        factors=read_factors(factors),
    )


def read_factors(values: Sequence[str | None]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the levels of each factor that is varied, by key; `values` are key and levels in turn."""
    found: dict[str, tuple[str, ...]] = {}
    for key, typed in zip(values[::2], values[1::2], strict=True):
        if not key:
            continue
        if key in found:
            raise UserError(words.SAME_FACTOR.format(label=find_factor(key).label))
        found[key] = read_levels(key, typed or "")
    return tuple(found.items())


def read_columns(values: Sequence[str | None]) -> dict[str, str] | None:
    """Return the columns that were chosen, by field; None where none was, so that all are guessed."""
    chosen = {name: value or "" for name, value in zip(FIELDS, values, strict=True)}
    return chosen if any(chosen.values()) else None


def limited(items: ItemSet, limit: int, *, at_random: bool) -> ItemSet:
    """Return a set with at most so many of its items, in their order; 0 takes all."""
    if not limit or limit >= len(items.items):
        return items
    places: Sequence[int] = range(limit)
    if at_random:
        # Nobody's secret hangs on this draw, and it must be the same again.
        places = sorted(random.Random(DRAW_SEED).sample(range(len(items.items)), limit))  # noqa: S311
    chosen = tuple(items.items[place] for place in places)
    names = {item.image for item in chosen}
    images = {name: facts for name, facts in items.images.items() if name in names}
    digest = digest_items(chosen, images)
    name = words.LIMITED.format(name=items.facts.name, count=limit)
    return replace(items, items=chosen, images=images, facts=replace(items.facts, name=name, digest=digest))


def _within(name: str, value: float | None, least: float, most: float) -> float:
    if value is None or not least <= value <= most:
        raise UserError(words.OUT_OF_RANGE.format(name=name, least=least, most=most, value=value))
    return float(value)
