"""Error analysis: which words, tags, sizes and counts go with an arm's failures; knows no cause.

Failure is 1 less the score: of scores of 0 and 1, the share of wrong answers. What goes with failure need not be why.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microscope.evaluation.analyse.estimates import difference, optional, p_values
from microscope.evaluation.analyse.groups import FIRST_WORD, SAYS, Grouping
from microscope.evaluation.analyse.prepared import Prepared
from microscope.evaluation.analyse.sums import Parts, part_contrasts, parts_of
from microscope.evaluation.analysis import Trait
from microscope.evaluation.statistics import benjamini_hochberg

FEWEST_ITEMS, MOST_TRAITS = 10, 20


def traits_of(prepared: Prepared, groups: Sequence[Grouping]) -> tuple[Trait, ...]:
    """Return each arm's traits, at most twenty: the surest first, then the largest difference.

    A trait has at least ten items, and so have those without it. P-values (Benjamini-Hochberg) are corrected over all
    traits of all arms, and count the pictures of the smaller side. Traits of exactly the same items are one.
    """
    named = [grouping for grouping in groups if grouping.name != FIRST_WORD]
    found = [(grouping, parts_of(grouping, prepared.clusters)) for grouping in named]
    names, kept = _distinct(found, len(prepared.scores))
    if not names:
        return ()
    failures = np.ascontiguousarray(1 - prepared.scores.T)
    arms = [_contrasts(prepared, found, kept, failure) for failure in failures]
    p = [p_values(inside - outside, errors, images) for inside, outside, errors, images in arms]
    corrected = np.split(benjamini_hochberg(np.concatenate(p)), len(arms))
    sizes = np.concatenate([parts.items[chosen] for (_, parts), chosen in zip(found, kept, strict=True)])
    return tuple(
        trait
        for number, numbers in enumerate(arms)
        for trait in _surest(prepared, number, names, sizes, (*numbers, corrected[number]))
    )


def _distinct(found: Sequence[tuple[Grouping, Parts]], count: int) -> tuple[list[str], list[np.ndarray]]:
    """Return the names of the traits, and which parts of each grouping they are: large enough, and new."""
    names, kept, seen = [], [], set()
    for grouping, parts in found:
        chosen = []
        members = grouping.members()
        for part in np.flatnonzero((parts.items >= FEWEST_ITEMS) & (count - parts.items >= FEWEST_ITEMS)):
            body = members[part].tobytes()
            if body not in seen:
                seen.add(body)
                chosen.append(part)
                names.append(_name(grouping, int(part)))
        kept.append(np.array(chosen, np.int64))
    return names, kept


def _name(grouping: Grouping, part: int) -> str:
    value = grouping.values[part]
    return f"the question says “{value}”" if grouping.name == SAYS else f"{grouping.name}: {value}"


def _contrasts(
    prepared: Prepared, found: Sequence[tuple[Grouping, Parts]], kept: Sequence[np.ndarray], failure: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Return failure with and without each trait, the error of the difference, and the smaller side's pictures."""
    columns = []
    for (_, parts), chosen in zip(found, kept, strict=True):
        contrasts = part_contrasts(parts, failure, prepared.clusters)
        columns.append([column[chosen] for column in contrasts])
    return tuple(np.concatenate(column) for column in zip(*columns, strict=True))


def _surest(
    prepared: Prepared, arm: int, names: Sequence[str], sizes: np.ndarray, numbers: tuple[np.ndarray, ...]
) -> list[Trait]:
    inside, outside, errors, images, p = numbers
    change = inside - outside
    # Lexsort takes its last key first; NaN, which was not tested, comes after everything.
    order = np.lexsort((np.arange(len(names)), -np.abs(change).round(12), p))[:MOST_TRAITS]
    return [
        Trait(
            arm=prepared.results.arms[arm].key,
            trait=names[row],
            items=int(sizes[row]),
            failure_with=float(inside[row]),
            failure_without=float(outside[row]),
            difference=difference(float(change[row]), float(errors[row]), int(images[row]), prepared.options.level)[0],
            p_bh=optional(p[row]),
        )
        for row in order.tolist()
    ]
