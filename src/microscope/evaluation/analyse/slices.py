"""Parts of the set: every arm's score in each, and where the candidate falls behind, worst first; knows no page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microscope.evaluation.analyse.estimates import difference, optional, p_values, score
from microscope.evaluation.analyse.groups import Grouping
from microscope.evaluation.analyse.prepared import Prepared
from microscope.evaluation.analyse.sums import Parts, part_means, parts_of
from microscope.evaluation.analysis import Options, Slice
from microscope.evaluation.results import Results
from microscope.evaluation.statistics import benjamini_hochberg

FEWEST_ITEMS = 5


@dataclass(frozen=True)
class Found:
    """A grouping's parts, the arms' means and errors, shape (K, parts), and the difference's, shape (parts,)."""

    grouping: Grouping
    parts: Parts
    means: np.ndarray
    errors: np.ndarray
    change: np.ndarray
    change_errors: np.ndarray
    kept: np.ndarray


def slices_of(prepared: Prepared, groups: Sequence[Grouping]) -> tuple[Slice, ...]:
    """Return the parts with at least five items and fewer than all, worst first.

    Worst is where the candidate falls behind most; with one arm, where it scores least.
    """
    found = [_found(prepared, grouping) for grouping in groups]
    p = [p_values(one.change, one.change_errors, one.parts.images)[one.kept] for one in found]
    corrected = benjamini_hochberg(np.concatenate(p)) if p else np.zeros(0)
    ends = np.cumsum([len(part) for part in p])
    made = [
        part
        for one, adjusted in zip(found, np.split(corrected, ends[:-1]) if p else [], strict=True)
        for part in _slices(prepared, one, adjusted)
    ]
    return tuple(sorted(made, key=_badness))


def reference_and_candidate(results: Results, options: Options) -> tuple[int, int] | None:
    """Return the numbers of the two arms that slices compare: the baseline, or the first, and the last other one."""
    keys = [arm.key for arm in results.arms]
    if len(keys) == 1:
        return None
    reference = 0 if options.baseline is None else keys.index(options.baseline)
    last = len(keys) - 1
    return reference, last if reference != last else last - 1


def _found(prepared: Prepared, grouping: Grouping) -> Found:
    parts = parts_of(grouping, prepared.clusters)
    columns = [part_means(parts, column) for column in np.ascontiguousarray(prepared.scores.T)]
    pair = reference_and_candidate(prepared.results, prepared.options)
    change = np.full(len(grouping.values), np.nan), np.full(len(grouping.values), np.nan)
    if pair is not None:
        change = part_means(parts, prepared.scores[:, pair[1]] - prepared.scores[:, pair[0]])
    kept = (parts.items >= FEWEST_ITEMS) & (parts.items < len(prepared.scores))
    means, errors = (np.array(rows) for rows in zip(*columns, strict=True))
    return Found(grouping, parts, means, errors, *change, np.flatnonzero(kept))


def _slices(prepared: Prepared, found: Found, p: np.ndarray) -> list[Slice]:
    level, members = prepared.options.level, found.grouping.members()
    made = []
    for part, adjusted in zip(found.kept.tolist(), p.tolist(), strict=True):
        items, images = int(found.parts.items[part]), int(found.parts.images[part])
        value = float(found.change[part])
        made.append(
            Slice(
                name=found.grouping.name,
                value=found.grouping.values[part],
                items=tuple(members[part].tolist()),
                images=images,
                scores=tuple(
                    score(float(mean), float(error), items, images, level, binary=prepared.binary)
                    for mean, error in zip(found.means[:, part], found.errors[:, part], strict=True)
                ),
                difference=None
                if np.isnan(value)
                else difference(value, float(found.change_errors[part]), images, level)[0],
                p_bh=optional(adjusted),
            )
        )
    return made


def _badness(part: Slice) -> tuple[float, float, str, str]:
    """Return what slices are sorted by: the difference or the score, then what many items say first."""
    value = part.scores[-1].value if part.difference is None else part.difference.value
    return (round(value, 12), -len(part.items), part.name, part.value)
