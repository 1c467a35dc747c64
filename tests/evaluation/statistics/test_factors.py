"""Contrasts of an ablation are the effects that scores were made of, and need every combination."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.evaluation.statistics import clustered, factorial

SQUARE = [("low", "short"), ("low", "long"), ("high", "short"), ("high", "long")]


def test_two_by_two_arms_have_two_effects_and_an_interaction() -> None:
    first, second, both = factorial(SQUARE)
    assert (first.factors, first.levels) == ((0,), (("low", "high"),))
    assert (second.factors, second.levels) == ((1,), (("short", "long"),))
    assert (both.factors, both.levels) == ((0, 1), (("low", "high"), ("short", "long")))
    np.testing.assert_allclose(first.weights, [-0.5, -0.5, 0.5, 0.5])
    np.testing.assert_allclose(second.weights, [-0.5, 0.5, -0.5, 0.5])
    np.testing.assert_allclose(both.weights, [1, -1, -1, 1])


def test_one_factor_is_each_level_against_the_first() -> None:
    found = factorial([("a",), ("b",), ("c",)])
    assert [contrast.levels for contrast in found] == [(("a", "b"),), (("a", "c"),)]
    np.testing.assert_allclose([contrast.weights for contrast in found], [[-1, 1, 0], [-1, 0, 1]])


def test_effects_that_scores_are_made_of_are_found() -> None:
    precision, tokens = {"bf16": 0.0, "int8": -0.1, "int4": -0.3}, {"all": 0.0, "half": -0.05}
    together = {("int4", "half"): -0.2}
    levels = list(product(precision, tokens))
    mean = np.array([0.8 + precision[p] + tokens[t] + together.get((p, t), 0) for p, t in levels])
    sizes = {contrast.levels: float(contrast.weights @ mean) for contrast in factorial(levels)}
    assert sizes == {
        (("bf16", "int8"),): pytest.approx(-0.1),
        (("bf16", "int4"),): pytest.approx(-0.3 - 0.1),
        (("all", "half"),): pytest.approx(-0.05 - 0.2 / 3),
        (("bf16", "int8"), ("all", "half")): pytest.approx(0),
        (("bf16", "int4"), ("all", "half")): pytest.approx(-0.2),
    }


@given(st.lists(st.integers(2, 3), min_size=1, max_size=3), st.integers(1, 2), st.randoms(use_true_random=False))
def test_contrasts_compare_and_do_not_hang_on_the_order_of_arms(sizes: list[int], seeds: int, random: object) -> None:
    rows = [tuple(f"{level}" for level in cell) for cell in product(*map(range, sizes))] * seeds
    mean = np.random.default_rng(len(rows)).random(len(rows))
    plain = factorial(rows)
    for contrast in plain:
        assert contrast.weights.sum() == pytest.approx(0, abs=1e-12)
        assert np.abs(contrast.weights).sum() == pytest.approx(2 ** len(contrast.factors))
    # Of the first arm the levels are the ones that others are held against, so it stays.
    order = [0, *random.sample(range(1, len(rows)), len(rows) - 1)]
    for contrast in factorial([rows[arm] for arm in order]):
        (same,) = [other for other in plain if (other.factors, other.levels) == (contrast.factors, contrast.levels)]
        assert contrast.weights @ mean[order] == pytest.approx(same.weights @ mean)


def test_effects_are_in_order_of_factors_and_main_ones_first() -> None:
    cube = [contrast.factors for contrast in factorial(list(product("ab", "cd", "ef")))]
    assert cube == [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]


def test_seeds_of_a_cell_are_averaged() -> None:
    (effect,) = factorial([("a",), ("b",), ("a",), ("a",)])
    np.testing.assert_allclose(effect.weights, [-1 / 3, 1, -1 / 3, -1 / 3])


def test_an_effect_has_the_error_of_the_scores_it_is_made_of() -> None:
    rng = np.random.default_rng(4)
    scores, clusters = rng.random((60, 4)), np.arange(60) // 3
    means = clustered(scores, clusters)
    for contrast in factorial(SQUARE):
        alone = clustered((scores @ contrast.weights)[:, None], clusters)
        assert means.contrast(contrast.weights) == pytest.approx(
            (alone.mean[0], alone.covariance[0, 0] ** 0.5), rel=1e-9
        )


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ([], "at least one factor"),
        ([(), ()], "at least one factor"),
        ([("a",), ("a", "b")], "one level of each factor"),
        ([("a", "c"), ("b", "c")], "factor 2 has the level c alone"),
        (SQUARE[:3], r"no arm has the levels high, long \(1 combinations are missing\)"),
    ],
)
def test_what_is_no_full_ablation_is_refused(levels: list[tuple[str, ...]], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        factorial(levels)
