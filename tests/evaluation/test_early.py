"""A run stops when it is decided, which happens by chance to fewer than one in twenty."""

from __future__ import annotations

import numpy as np

from microscope.evaluation.early import IMAGES_A_ROUND, Decision, rounds
from microscope.evaluation.tally import Tally


class Known(Tally):
    """A tally of scores that are known."""

    def __init__(self, scores: np.ndarray) -> None:
        self.scores = scores

    def difference(self, first: int, second: int, numbers: object) -> float:
        chosen = self.scores[list(numbers)]
        return float((chosen[:, second] - chosen[:, first]).sum())


def decided_after(scores: np.ndarray, clusters: np.ndarray, seed: int = 0) -> int | None:
    tally, decision, seen = Known(scores), Decision(scores.shape[1]), 0
    for pictures in rounds(clusters, seed):
        seen += sum(map(len, pictures))
        decision.take(tally, pictures)
        if decision.made:
            return seen
    return None


def test_rounds_hold_every_item_once_and_whole_pictures() -> None:
    clusters = np.array([0, 0, 1, 2, 2, 2, 3] * 5) + np.repeat(np.arange(5) * 4, 7)
    given = [items for pictures in rounds(clusters) for items in pictures]
    assert sorted(number for items in given for number in items) == list(range(35))
    assert all(len({clusters[number] for number in items}) == 1 for items in given)
    assert all(len(pictures) <= IMAGES_A_ROUND for pictures in rounds(clusters))
    assert list(rounds(clusters)) == list(rounds(clusters)) != list(rounds(clusters, seed=1))
    assert list(rounds(np.zeros(0, int))) == []


def test_a_large_difference_is_decided_early() -> None:
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(200), 4)
    scores = np.stack([rng.random(800) < 0.4, rng.random(800) < 0.8], axis=1).astype(float)
    after = decided_after(scores, clusters)
    assert after is not None
    assert after < 200


def test_equal_arms_are_decided_by_chance_in_fewer_than_one_of_twenty() -> None:
    rng, wrong, sets = np.random.default_rng(1), 0, 400
    clusters = np.repeat(np.arange(60), 4)
    for seed in range(sets):
        # What one image does to both, and more to one of them, but to neither on the whole.
        shift = rng.normal(0, 0.25, (60, 2)).repeat(4, axis=0)
        scores = (rng.random((240, 2)) < np.clip(0.6 + shift, 0, 1)).astype(float)
        wrong += decided_after(scores, clusters, seed) is not None
    assert wrong / sets < 0.05


def test_of_several_arms_every_one_must_be_decided() -> None:
    rng = np.random.default_rng(2)
    clusters = np.arange(300)
    better = rng.random(300) < 0.9
    scores = np.stack([rng.random(300) < 0.3, better, rng.random(300) < 0.3], axis=1).astype(float)
    assert decided_after(scores, clusters) is None
    assert decided_after(scores[:, :2], clusters) is not None


def test_one_arm_alone_is_never_decided() -> None:
    assert not Decision(1).made
    assert "after 40 of 1,000 questions" in Decision(2).sentence(40, 1000)
