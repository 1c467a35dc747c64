"""The exact test agrees with the reference, scipy, and with trying all signs one by one."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from microscope.evaluation.statistics import flips, sign_flip
from tests.evaluation.statistics.cases import FOUR, TWO, random_sets


def test_two_checkpoints_have_the_ps_of_the_reference() -> None:
    found = sign_flip(TWO.scores, TWO.clusters, [(0, 1)])
    expected = pytest.approx([TWO.expected["cluster_signflip_exact_p"]], rel=1e-12)
    assert found.p == expected
    assert found.westfall_young == expected


def test_four_checkpoints_have_the_statistics_and_ps_of_the_reference() -> None:
    found = sign_flip(FOUR.scores, FOUR.clusters, list(combinations(range(4), 2)))
    expected = FOUR.expected["sign_flip_exact"]
    assert found.statistic == pytest.approx([pair["self_normalised_statistic"] for pair in expected], rel=1e-9)
    assert found.p == pytest.approx([pair["p"] for pair in expected], rel=1e-12)
    assert found.westfall_young == pytest.approx([pair["westfall_young_p"] for pair in expected], rel=1e-12)


def test_it_is_scipys_permutation_test_where_each_image_has_one_item() -> None:
    rng = np.random.default_rng(8)
    for _ in range(10):
        scores = np.round(rng.random((9, 2)), 1)
        expected = stats.permutation_test(
            (scores[:, 0], scores[:, 1]),
            lambda first, second, axis: np.abs((second - first).sum(axis=axis)),
            permutation_type="samples",
            alternative="greater",
            vectorized=True,
        )
        assert sign_flip(scores, np.arange(9), [(0, 1)]).p == pytest.approx([expected.pvalue], rel=1e-12)


@pytest.mark.parametrize("images", [1, 2, 3, 7, 10])
@pytest.mark.parametrize("chunk", [1, flips.CHUNK])
def test_it_tries_all_signs(images: int, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flips, "CHUNK", chunk)
    rng, pairs = np.random.default_rng(images), [(0, 1), (0, 2), (2, 1)]
    scores = rng.integers(0, 2, (3 * images, 3)).astype(float)
    clusters = np.arange(3 * images) % images
    found = sign_flip(scores, clusters, pairs)
    images_sums = np.array([scores[clusters == image].sum(0) for image in range(images)])
    d = np.array([images_sums[:, j] - images_sums[:, i] for i, j in pairs]).T
    length = np.sqrt((d**2).sum(0))
    all_signs = np.array(list(product((1, -1), repeat=images)))
    statistics = np.abs(all_signs @ d) / np.where(length > 0, length, 1)
    np.testing.assert_allclose(found.statistic, statistics[0], rtol=1e-12)
    np.testing.assert_allclose(found.p, (statistics >= statistics[0] - 1e-9).mean(0), rtol=1e-12)
    largest = statistics.max(1)[:, None]
    np.testing.assert_allclose(found.westfall_young, (largest >= statistics[0] - 1e-9).mean(0), rtol=1e-12)


def test_random_signs_come_near_to_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = list(combinations(range(4), 2))
    exact = sign_flip(FOUR.scores, FOUR.clusters, pairs)
    monkeypatch.setattr(flips, "EXACT_IMAGES", 0)
    monkeypatch.setattr(flips, "CHUNK", 20_000)
    drawn = sign_flip(FOUR.scores, FOUR.clusters, pairs)
    np.testing.assert_allclose(drawn.p, exact.p, atol=4 * 0.5 / 100)
    np.testing.assert_allclose(drawn.westfall_young, exact.westfall_young, atol=4 * 0.5 / 100)
    assert not np.array_equal(drawn.p, exact.p)


def test_random_signs_are_those_of_the_seed() -> None:
    scores = np.random.default_rng(0).random((60, 2))
    once, again, other = (sign_flip(scores, np.arange(60), [(0, 1)], seed=seed) for seed in (1, 1, 2))
    assert once.p == again.p != other.p


def test_images_without_a_difference_do_not_count() -> None:
    scores, clusters = next(iter(random_sets(1)))
    some = clusters < 10
    few = sign_flip(scores[some], clusters[some], [(0, 1)])
    same = np.repeat(np.arange(500) % 2, 2).reshape(500, 2)
    many = sign_flip(np.r_[scores[some], same], np.r_[clusters[some], np.arange(500) + 100], [(0, 1)])
    np.testing.assert_array_equal(few.p, many.p)


def test_no_p_is_below_what_so_many_images_can_show() -> None:
    for images in (5, 12, 20):
        found = sign_flip(np.tile([0.0, 1.0], (images, 1)), np.arange(images), [(0, 1)])
        assert found.p == found.westfall_young == pytest.approx([2.0 ** (1 - images)])
    found = sign_flip(np.tile([0.0, 1.0], (100, 1)), np.arange(100), [(0, 1)])
    assert found.p == pytest.approx([1 / 10_001])


def test_two_that_agree_everywhere_are_alike() -> None:
    scores = np.c_[TWO.scores, TWO.scores[:, 0]]
    found = sign_flip(scores, TWO.clusters, [(0, 2), (0, 1)])
    assert found.statistic[0] == 0
    assert (found.p[0], found.westfall_young[0]) == (1, 1)
    alone = sign_flip(TWO.scores, TWO.clusters, [(0, 1)])
    assert found.westfall_young[1] == alone.p[0]
    assert sign_flip(scores, TWO.clusters, [(0, 2)]).p == [1]


def test_no_pairs_are_nothing() -> None:
    assert sign_flip(TWO.scores, TWO.clusters, []).p.shape == (0,)


def test_a_million_signs_are_held_a_part_at_a_time() -> None:
    rng = np.random.default_rng(0)
    unit = rng.random((20, 28))
    sizes = [block.size for block in flips._every(unit)]
    assert sum(sizes) == 28 * 2**19
    assert max(sizes) <= flips.CHUNK
    drawn = [block.shape for block in flips._drawn(rng.random((3000, 28)), rng)]
    assert sum(rows for rows, _ in drawn) == flips.DRAWS
    assert max(rows for rows, _ in drawn) * 3000 <= flips.CHUNK
