"""Each arm's score, and what makes it less than it seems: failures, cut answers, answers that could not be read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microscope.evaluation.analyse.estimates import score
from microscope.evaluation.analyse.prepared import Prepared
from microscope.evaluation.analysis import Estimate, Mark, Pair
from microscope.evaluation.results import LENIENT, STRICT, STRICTNESS
from microscope.evaluation.statistics import compact_letters


def marks_of(prepared: Prepared, pairs: Sequence[Pair]) -> tuple[Mark, ...]:
    """Return a mark for each arm, in their order; letters say which pairs are separated."""
    results, means = prepared.results, prepared.scores.mean(0)
    letters = compact_letters(means, _separated(prepared, pairs))
    rules = results.scores.astype(np.float64).mean(1)
    strict, lenient = rules[STRICTNESS.index(STRICT)], rules[STRICTNESS.index(LENIENT)]
    unparsed = _unparsed(prepared)
    complete = _complete(prepared)
    errors = [None] * len(means) if prepared.means is None else np.sqrt(np.diag(prepared.means.covariance)).tolist()
    return tuple(
        Mark(
            key=answers.arm.key,
            label=prepared.names[arm],
            score=_estimate(prepared, float(means[arm]), errors[arm]),
            se=errors[arm],
            strict=float(strict[arm]),
            lenient=float(lenient[arm]),
            unparsed=float(unparsed[arm]),
            failed=len(answers.failures),
            cut=len(answers.cut),
            complete=None if complete is None else float(complete[arm]),
            letters=letters[arm],
            n=len(results.items),
        )
        for arm, answers in enumerate(results.answers)
    )


def _estimate(prepared: Prepared, mean: float, error: float | None) -> Estimate:
    if error is None:
        return Estimate(mean)
    level = prepared.options.level
    return score(mean, error, len(prepared.scores), prepared.images, level, binary=prepared.binary)


def _separated(prepared: Prepared, pairs: Sequence[Pair]) -> np.ndarray:
    """Return which arms are separated, a symmetric matrix of shape (K, K)."""
    place = {arm.key: number for number, arm in enumerate(prepared.results.arms)}
    found = np.zeros((len(place), len(place)), bool)
    for pair in pairs:
        first, second = place[pair.first], place[pair.second]
        found[first, second] = found[second, first] = pair.separated
    return found


def _unparsed(prepared: Prepared) -> np.ndarray:
    """Return the share of each arm's answers in which none could be read, shape (K,); what failed is no answer."""
    results = prepared.results
    there = np.ones(results.parsed.shape, bool)
    for arm, answers in enumerate(results.answers):
        there[sorted(answers.failures), arm] = False
    unread = (there & ~results.parsed.astype(bool)).sum(0)
    return unread / np.maximum(there.sum(0), 1)


def _complete(prepared: Prepared) -> np.ndarray | None:
    """Return each arm's mean over the items that no arm failed at, shape (K,); None where there is no such item."""
    failed = {row for answers in prepared.results.answers for row in answers.failures}
    kept = np.ones(len(prepared.scores), bool)
    kept[sorted(failed)] = False
    return prepared.scores[kept].mean(0) if kept.any() else None
