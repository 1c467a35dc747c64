"""The familiar tests and intervals of two arms' verdicts agree with the reference, scipy, statsmodels and a paper."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats import contingency_tables
from statsmodels.stats.proportion import proportion_confint

from microscope.evaluation.statistics import mcnemar, newcombe, odds, tango
from tests.evaluation.statistics.cases import FOUR, TWO

A, B = TWO.scores.T
COUNTS = st.tuples(*[st.integers(0, 12)] * 4).filter(any)


def verdicts(both: int, first_only: int, second_only: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two arms' verdicts by how many items both, each alone, and none of them has right."""
    counts = both, first_only, second_only, neither
    return np.repeat([1, 1, 0, 0], counts), np.repeat([1, 0, 1, 0], counts)


def random_counts() -> np.ndarray:
    """Return counts of 200 pairs of arms, shape (200, 4)."""
    rng = np.random.default_rng(9)
    return rng.poisson(rng.uniform(0.5, 20, (200, 4))) + np.eye(4, dtype=int)[3]


def test_mcnemar_of_two_checkpoints_is_the_references() -> None:
    found, expected = mcnemar(A, B), TWO.expected["mcnemar"]
    assert (found.first_only, found.second_only) == (TWO.expected["table"]["a_only"], TWO.expected["table"]["b_only"])
    assert (found.exact_p, found.mid_p) == pytest.approx((expected["exact_p"], expected["mid_p"]), rel=1e-9)


@pytest.mark.parametrize("number", range(6))
def test_mcnemar_of_four_checkpoints_is_the_references(number: int) -> None:
    pair, names = FOUR.expected["pairs"][number], list(FOUR.expected["accuracies"])
    found = mcnemar(FOUR.scores[:, names.index(pair["first"])], FOUR.scores[:, names.index(pair["second"])])
    assert (found.first_only, found.second_only) == (pair["first_only"], pair["second_only"])
    assert found.exact_p == pytest.approx(pair["mcnemar_exact_p"], rel=1e-12)


def test_mcnemar_is_that_of_statsmodels_and_the_sign_test_of_scipy() -> None:
    for both, first_only, second_only, neither in random_counts():
        found = mcnemar(*verdicts(both, first_only, second_only, neither))
        table = [[both, first_only], [second_only, neither]]
        assert found.exact_p == pytest.approx(contingency_tables.mcnemar(table, exact=True).pvalue, rel=1e-9)
        discordant = first_only + second_only
        assert found.exact_p == pytest.approx(stats.binomtest(first_only, discordant).pvalue, rel=1e-9)
        if first_only != second_only:
            chance = stats.binom.pmf(min(first_only, second_only), discordant, 0.5)
            assert found.mid_p == pytest.approx(found.exact_p - chance, rel=1e-9)


@pytest.mark.parametrize("each", [0, 1, 5])
def test_as_many_fixed_as_broken_is_no_evidence_at_all(each: int) -> None:
    found = mcnemar(*verdicts(3, each, each, 2))
    assert (found.exact_p, found.mid_p) == (1, 1)


def test_odds_of_two_checkpoints_are_the_references() -> None:
    found = odds(A, B)
    assert found.value == TWO.expected["conditional_odds_ratio"]
    assert (found.low, found.high) == pytest.approx(TWO.expected["conditional_odds_ratio_ci95"], rel=1e-9)


def test_odds_are_those_of_the_sign_test_of_scipy() -> None:
    for counts in random_counts():
        _, lost, won, _ = counts
        if not won + lost:
            continue
        found = odds(*verdicts(*counts), level=0.9)
        low, high = stats.binomtest(won, won + lost).proportion_ci(0.9)
        assert found.value == (won / lost if lost else math.inf)
        assert found.low == pytest.approx(low / (1 - low), rel=1e-9)
        assert found.high == (pytest.approx(high / (1 - high), rel=1e-9) if lost else math.inf)


def test_without_a_discordant_item_odds_may_be_anything() -> None:
    found = odds(*verdicts(3, 0, 0, 2))
    assert math.isnan(found.value)
    assert (found.low, found.high) == (0, math.inf)


def test_intervals_of_two_checkpoints_are_the_references() -> None:
    assert newcombe(A, B) == pytest.approx(TWO.expected["newcombe_paired_ci95"], rel=1e-9)
    assert tango(A, B) == pytest.approx(TWO.expected["tango_score_ci95"], rel=1e-9)


def test_intervals_are_those_published_for_airways_before_and_after_a_transplantation() -> None:
    # Fagerland, Lydersen and Laake (2014): 1, 1, 7 and 12 of 21 children; printed as before less after.
    before, after = verdicts(1, 1, 7, 12)
    assert newcombe(after, before) == pytest.approx((-0.507, -0.026), abs=5e-4)
    assert tango(after, before) == pytest.approx((-0.517, -0.026), abs=5e-4)


@given(COUNTS, st.floats(0.5, 0.99))
def test_an_interval_holds_the_difference_and_turns_round_with_the_arms(
    counts: tuple[int, int, int, int], level: float
) -> None:
    first, second = verdicts(*counts)
    difference = second.mean() - first.mean()
    for method in (newcombe, tango):
        low, high = method(first, second, level)
        assert -1 - 1e-9 <= low <= difference + 1e-9
        assert difference - 1e-9 <= high <= 1 + 1e-9
        assert method(second, first, level) == pytest.approx((-high, -low), abs=1e-9)


def test_newcombes_interval_without_correlation_is_made_of_two_of_wilsons() -> None:
    # 24 of 40 and 15 of 40 with 9 of both: exactly what independence gives.
    low_one, high_one = proportion_confint(24, 40, method="wilson")
    low_two, high_two = proportion_confint(15, 40, method="wilson")
    low = -9 / 40 - math.hypot(15 / 40 - low_two, high_one - 24 / 40)
    high = -9 / 40 + math.hypot(high_two - 15 / 40, 24 / 40 - low_one)
    assert newcombe(*verdicts(9, 15, 6, 10)) == pytest.approx((low, high), rel=1e-9)


def test_tangos_interval_is_where_the_score_test_of_the_constrained_likelihood_ends() -> None:
    for both, lost, won, neither in random_counts()[:25]:
        n = both + lost + won + neither

        def score(delta: float, lost: int = lost, won: int = won, n: int = n) -> float:
            # The likelihood of items lost (q), won (q + delta) and the rest, where the difference is delta.
            def loss(q: float) -> float:
                return -(lost * np.log(q) + won * np.log(q + delta) + (n - lost - won) * np.log(1 - 2 * q - delta))

            least, most = max(0.0, -delta), (1 - delta) / 2
            options = {"xatol": 1e-13}
            q = optimize.minimize_scalar(loss, bounds=(least, most), method="bounded", options=options).x
            return (won - lost - n * delta) / math.sqrt(n * (2 * q + delta * (1 - delta)))

        low, high = tango(*verdicts(both, lost, won, neither))
        if low > -0.99 and high < 0.99 and lost and won:
            assert (score(low), score(high)) == pytest.approx((1.959964, -1.959964), rel=1e-3)


def test_agreeing_everywhere_is_no_proof_of_being_the_same() -> None:
    first, second = verdicts(12, 0, 0, 8)
    z2 = 1.959963984540054**2
    assert tango(first, second) == pytest.approx((-z2 / (20 + z2), z2 / (20 + z2)), rel=1e-6)
    low, high = newcombe(*verdicts(20, 0, 0, 0))
    assert low < 0 < high


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (np.array([0.5]), np.array([1]), "neither 0 nor 1"),
        (np.array([1]), np.array([math.nan]), "neither 0 nor 1"),
        (np.array([1]), np.array([1, 0]), "no pairs"),
        (np.array([]), np.array([]), "no pairs"),
        (np.array([[1]]), np.array([[1]]), "no pairs"),
    ],
)
def test_what_are_no_verdicts_is_refused(first: np.ndarray, second: np.ndarray, reason: str) -> None:
    for method in (mcnemar, odds, newcombe, tango):
        with pytest.raises(ValueError, match=reason):
            method(first, second)


def test_a_level_that_is_none_is_refused() -> None:
    for method in (odds, newcombe, tango):
        with pytest.raises(ValueError, match="no interval of level 95"):
            method(A, B, 95)
