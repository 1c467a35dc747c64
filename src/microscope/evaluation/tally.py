"""Scores answers as they come, and puts them together as results; knows no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from microscope.evaluation.course import Course, Outcome
from microscope.evaluation.items.base import ItemSet
from microscope.evaluation.results import STRICTNESS, ArmAnswers, Results
from microscope.evaluation.scoring import Scorer, score_all

# Sums of scores that differ by less than this are the same, but for rounding.
SAME = 1e-9


class Tally:
    """The scores of K arms on a set's n items, filled as answers come; used by one thread."""

    def __init__(self, items: ItemSet, arms: int, scorer: Scorer) -> None:
        self._items, self._scorer = items, scorer
        count = len(items.items)
        self._scores = np.zeros((len(STRICTNESS), count, arms))
        self._parsed = np.zeros((count, arms), bool)
        self._there = np.zeros((count, arms), bool)
        digests = [items.images[item.image].digest for item in items.items]
        numbers = {digest: number for number, digest in enumerate(dict.fromkeys(digests))}
        self._clusters = np.array([numbers[digest] for digest in digests], np.int64)
        by_digest = {facts.digest: facts for facts in items.images.values()}
        self._images = tuple(by_digest[digest] for digest in numbers)

    @property
    def clusters(self) -> np.ndarray:
        """Return the number of each item's picture, shape (n,)."""
        return self._clusters

    def take(self, number: int, arm: int, outcome: Outcome) -> None:
        """Score an item's outcome; one that failed has no score but 0."""
        self._there[number, arm] = True
        if outcome.failure:
            return
        scores = score_all(self._scorer, outcome.text, self._items.items[number])
        self._scores[:, number, arm] = [score.value for score in scores]
        self._parsed[number, arm] = scores[STRICTNESS.index("normal")].parsed

    def difference(self, first: int, second: int, numbers: Sequence[int]) -> float:
        """Return the second arm's normal scores less the first's, summed; exactly 0 where they are equal."""
        chosen = self._scores[STRICTNESS.index("normal"), list(numbers)]
        found = float((chosen[:, second] - chosen[:, first]).sum())
        return found if abs(found) > SAME else 0.0

    def results(
        self, courses: Sequence[Course | None], missing: Mapping[str, str], stopped_early: str = ""
    ) -> Results | None:
        """Return the results over the items that every arm that was begun has; None where there are none.

        Arms that have not begun are left out.
        """
        begun = [number for number, course in enumerate(courses) if course is not None and course.outcomes]
        order = np.flatnonzero(self._there[:, begun].all(axis=1)) if begun else np.zeros(0, np.int64)
        if not len(order):
            return None
        used, clusters = np.unique(self._clusters[order], return_inverse=True)
        scores = self._scores[:, order][:, :, begun]
        parsed = self._parsed[order][:, begun]
        answers = tuple(_answers(course, order) for course in courses if course is not None and course.outcomes)
        return Results(
            set=self._items.facts,
            items=tuple(self._items.items[number] for number in order),
            clusters=clusters,
            images=tuple(self._images[number] for number in used),
            scorer=self._scorer.key,
            answers=answers,
            scores=scores,
            parsed=parsed,
            total=len(self._items.items),
            order=order,
            missing=dict(missing),
            stopped_early=stopped_early,
        )


def _answers(course: Course, order: np.ndarray) -> ArmAnswers:
    outcomes = [course.outcomes[number] for number in order.tolist()]
    return ArmAnswers(
        arm=course.arm,
        facts=course.facts(),
        texts=tuple(outcome.text for outcome in outcomes),
        failures={number: outcome.failure for number, outcome in enumerate(outcomes) if outcome.failure},
        cut=frozenset(number for number, outcome in enumerate(outcomes) if outcome.cut),
        addresses=tuple(course.addresses[number] for number in order.tolist()),
        tokens=np.array([outcome.tokens for outcome in outcomes], np.int32),
    )
