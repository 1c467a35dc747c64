"""How often what is said is wrong, on thousands of random sets whose truth is known, through the functions themselves.

Images shift both arms together, and each its own way, so that questions about one image rise and fall together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from microscope.evaluation.statistics import (
    choose,
    clustered,
    compact_letters,
    detectable,
    differences,
    equal_all,
    holm,
    interval,
    non_inferior,
    sign_flip,
    wilson,
)

ITEMS = 4


def sets(
    count: int, images: int, arms: int = 2, gain: float = 0.0, seed: int = 1
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield scores, shape (images x 4, arms), and images; the last arm is right more often by `gain` on average."""
    rng = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(images), ITEMS)
    # Symmetric about one half, and within (0, 1), so that the mean is what it should be.
    shared = rng.uniform(-0.2, 0.2, (count, images, 1))
    own = rng.uniform(-0.2, 0.2, (count, images, arms))
    chance = 0.5 + shared + own + np.r_[np.full(arms - 1, -gain / 2), gain / 2]
    marks = rng.random((count, images, ITEMS, arms)) < chance[:, :, None]
    for scores in marks.reshape(count, images * ITEMS, arms).astype(np.float64):
        yield scores, clusters


def test_a_nominal_level_of_five_percent_is_one() -> None:
    clustered_wrong = by_item_wrong = 0
    runs = 5000
    for scores, clusters in sets(runs, 30):
        (found,) = differences(choose(scores, clusters))
        (by_item,) = differences(clustered(scores, np.arange(len(scores))))
        clustered_wrong += found.p < 0.05
        by_item_wrong += by_item.p < 0.05
    assert 0.04 <= clustered_wrong / runs <= 0.065
    # What forgets that items share images errs more: the simulation can tell.
    assert by_item_wrong / runs > 0.065


def test_so_it_is_with_few_images_of_many_items_and_of_few() -> None:
    runs, rng = 3000, np.random.default_rng(2)
    few = few_cr1 = 0
    for scores, clusters in sets(runs, 10):
        # One item of each image stays in any case; two images have four, and the others seldom more.
        keep = rng.random(len(scores)) < 0.2
        keep[::ITEMS] = keep[: 2 * ITEMS] = True
        few += differences(choose(scores[keep], clusters[keep]))[0].p < 0.05
        few_cr1 += differences(clustered(scores[keep], clusters[keep]))[0].p < 0.05
    assert 0.035 <= few / runs <= 0.065
    assert few < few_cr1


def test_the_interval_leaves_out_the_truth_as_often_as_it_says() -> None:
    runs = 3000
    found = [differences(choose(scores, clusters), level=0.9)[0] for scores, clusters in sets(runs, 30, gain=0.1)]
    held = np.mean([difference.low < 0.1 < difference.high for difference in found])
    assert 0.88 <= held <= 0.92


def test_the_interval_of_a_share_holds_it_as_often_as_it_says() -> None:
    runs, held = 3000, np.zeros(2)
    for scores, clusters in sets(runs, 20, gain=0.3):
        means = clustered(scores, clusters)
        errors = np.sqrt(np.diag(means.covariance))
        low, high = wilson(means.mean[1], errors[1], means.items, means.clusters)
        below, above = interval(means.mean[1], errors[1], means.clusters)
        held += (low < 0.65 < high, below < 0.65 < above)
    assert held / runs == pytest.approx([0.95, 0.95], abs=0.015)


def test_the_test_of_all_arms_being_equal_keeps_its_level() -> None:
    runs = 3000
    wrong = sum(equal_all(clustered(scores, clusters)).p < 0.05 for scores, clusters in sets(runs, 30, arms=4))
    assert 0.035 <= wrong / runs <= 0.065


def test_letters_of_equal_arms_seldom_differ() -> None:
    runs, wrong = 2000, 0
    for scores, clusters in sets(runs, 30, arms=4):
        means = clustered(scores, clusters)
        found = differences(means)
        separated = np.zeros((4, 4), bool)
        for difference, p in zip(found, holm([d.p for d in found]), strict=True):
            separated[difference.first, difference.second] = separated[difference.second, difference.first] = p < 0.05
        wrong += len(set(compact_letters(means.mean, separated))) > 1
    assert 0.01 < wrong / runs <= 0.06


def test_flipping_signs_keeps_its_level_over_all_pairs() -> None:
    runs, pairs = 1500, [(0, 1), (0, 2), (1, 2)]
    alone = together = 0
    for scores, clusters in sets(runs, 10, arms=3):
        found = sign_flip(scores, clusters, pairs)
        alone += found.p.min() < 0.05
        together += found.westfall_young.min() < 0.05
    assert 0.01 < together / runs <= 0.06
    assert alone > 1.5 * together


def test_what_is_worse_by_the_margin_is_seldom_called_no_worse() -> None:
    runs = 3000
    found = [differences(choose(scores, clusters))[0] for scores, clusters in sets(runs, 30, gain=-0.1)]
    held = sum(non_inferior(d.difference, d.se, 30, 0.1).holds for d in found)
    assert 0.035 <= held / runs <= 0.065


def test_a_difference_that_can_be_seen_is_seen_as_often_as_planned() -> None:
    errors = [clustered(*one).contrast(np.array([-1, 1]))[1] for one in sets(500, 40)]
    gain = detectable(math.sqrt(np.mean(np.square(errors))), 40)
    runs = 2000
    seen = sum(differences(choose(scores, clusters))[0].p < 0.05 for scores, clusters in sets(runs, 40, gain=gain))
    assert seen / runs == pytest.approx(0.8, abs=0.03)
