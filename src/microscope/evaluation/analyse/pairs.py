"""Every pair of arms on the same items: difference, tests, sizes, what the set could have seen; writes no sentence.

Without a baseline all pairs are asked about. With one, the verdict is about the pairs with it alone, and Holm corrects
over these; the other pairs are listed after them, corrected over all pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from microscope.evaluation.analyse.estimates import within
from microscope.evaluation.analyse.outcomes import outcome_of
from microscope.evaluation.analyse.prepared import Prepared
from microscope.evaluation.analysis import Estimate, Pair
from microscope.evaluation.statistics import (
    FEW,
    FEWEST_FOR_P,
    Difference,
    Means,
    clustered,
    cohens_d,
    cohens_dz,
    cohens_h,
    detectable,
    differences,
    holm,
    items_needed_from,
    mcnemar,
    non_inferior,
    sign_flip,
)

# Scores that differ by less than this are the same, but for rounding.
SAME = 1e-9


@dataclass(frozen=True)
class Corrected:
    """What hangs on which pairs are asked about: p-values after Holm, and the exact test's."""

    holm: tuple[float | None, ...]
    flips: tuple[float | None, ...]


def pairs_of(prepared: Prepared) -> tuple[Pair, ...]:
    """Return every pair, those that are asked about first; with a baseline it is their `first`."""
    asked, other = chosen_pairs(prepared)
    which = [*asked, *other]
    if prepared.means is None:
        return tuple(_without_spread(prepared, first, second) for first, second in which)
    found = differences(prepared.means, which, prepared.options.level)
    corrected = _corrected(prepared, found, len(asked))
    naive = clustered(prepared.scores, prepared.clusters)
    return tuple(_pair(prepared, one, corrected, naive, place) for place, one in enumerate(found))


def chosen_pairs(prepared: Prepared) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the pairs of arms, by number, that are asked about, and the others."""
    count, base = len(prepared.names), prepared.baseline
    every = list(combinations(range(count), 2))
    if base is None:
        return every, []
    return [(base, arm) for arm in range(count) if arm != base], [pair for pair in every if base not in pair]


def detectable_by(se: float, images: int, power: float, level: float) -> float:
    """Return the smallest difference that a set sees, by the standard error found on it; 1 at most.

    Arms that agreed everywhere have no error. What could then have been seen is the difference of two arms that
    disagree in one direction alone: delta = t root(delta / images).
    """
    quantiles = detectable(1.0, images, power, level)
    return min(quantiles * se if se > 0 else quantiles**2 / images, 1.0)


def _corrected(prepared: Prepared, found: tuple[Difference, ...], asked: int) -> Corrected:
    if prepared.images < FEWEST_FOR_P:
        nothing = (None,) * len(found)
        return Corrected(nothing, nothing)
    p = [one.p if one.p is not None else np.nan for one in found]
    adjusted = [*holm(p[:asked]), *holm(p)[asked:]]
    flips: list[float | None] = [None] * len(found)
    if prepared.images < FEW and found:
        which = [(one.first, one.second) for one in found]
        among_asked = sign_flip(prepared.scores, prepared.clusters, which[:asked]).westfall_young
        among_all = sign_flip(prepared.scores, prepared.clusters, which).westfall_young[asked:]
        flips = [*map(float, among_asked), *map(float, among_all)]
    return Corrected(tuple(map(float, adjusted)), tuple(flips))


def _pair(prepared: Prepared, found: Difference, corrected: Corrected, naive: Means, place: int) -> Pair:
    """Return a pair with everything that is said of it; `naive` are the means with the CR1 covariance."""
    options, images = prepared.options, prepared.images
    first, second = (prepared.scores[:, arm] for arm in (found.first, found.second))
    told = images >= FEWEST_FOR_P
    p_holm = corrected.holm[place]
    separated = p_holm is not None and p_holm < prepared.alpha
    deviation = float(np.std(second - first, ddof=1))
    weights = np.zeros(len(prepared.names))
    weights[[found.first, found.second]] = -1, 1
    effect = (naive.contrast(weights)[1] / deviation) ** 2 * len(first) if deviation > SAME else None
    needed = items_needed_from(found.difference, deviation, effect, options.power, options.level) if effect else None
    alone = prepared.binary and images == len(first) and told
    return Pair(
        first=prepared.results.arms[found.first].key,
        second=prepared.results.arms[found.second].key,
        difference=within(found.difference, found.low, found.high),
        se=found.se,
        p=found.p,
        p_holm=p_holm,
        separated=separated,
        detectable=detectable_by(found.se, images, options.power, options.level) if told else None,
        more_items=needed,
        fixed=_right_alone(second, first),
        broken=_right_alone(first, second),
        h=cohens_h(_share(first), _share(second)) if prepared.binary else None,
        dz=cohens_dz(second - first),
        d=cohens_d(first, second),
        design_effect=effect,
        mcnemar=mcnemar(first, second).exact_p if alone else None,
        sign_flip=corrected.flips[place],
        inferior_by=-non_inferior(found.difference, found.se, images, 0, options.level).bound,
        outcome=outcome_of(found, images, options, separated=separated),
    )


def _without_spread(prepared: Prepared, first: int, second: int) -> Pair:
    """Return a pair on one picture: a difference, and nothing that tells how sure it is."""
    one, two = prepared.scores[:, first], prepared.scores[:, second]
    return Pair(
        first=prepared.results.arms[first].key,
        second=prepared.results.arms[second].key,
        difference=Estimate(float(two.mean() - one.mean())),
        se=None,
        p=None,
        p_holm=None,
        separated=False,
        detectable=None,
        more_items=None,
        fixed=_right_alone(two, one),
        broken=_right_alone(one, two),
        h=cohens_h(_share(one), _share(two)) if prepared.binary else None,
        dz=cohens_dz(two - one),
        d=cohens_d(one, two),
        design_effect=None,
        mcnemar=None,
        sign_flip=None,
        inferior_by=None,
    )


def _right_alone(better: np.ndarray, worse: np.ndarray) -> int:
    """Return how many items one arm has right and the other not; of soft scores, how many it scores higher on."""
    return int(np.count_nonzero(better > worse + SAME))


def _share(scores: np.ndarray) -> float:
    return min(max(float(scores.mean()), 0.0), 1.0)
