"""Evidence that may be looked at any time agrees with the reference and with integrals, and keeps its promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from microscope.evaluation.statistics import Sequential, confidence_sequence, e_value, e_values
from tests.evaluation.statistics.cases import SEQUENTIAL

COUNTS = st.integers(0, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_outcomes_one_by_one_have_the_path_of_the_reference() -> None:
    run = Sequential()
    assert (run.p, run.path, run.decided()) == (1, [], False)
    for outcome, step in zip(SEQUENTIAL["decisive_outcomes"], SEQUENTIAL["path"], strict=True):
        assert run.feed(won=bool(outcome)) == pytest.approx(step["e_value"], rel=1e-9)
        assert (run.n, run.wins) == (step["n"], step["wins"])
        assert run.p == pytest.approx(step["anytime_p"], rel=1e-9)
        assert run.decided() == (step["anytime_p"] <= 0.05)
    assert run.path == pytest.approx([step["e_value"] for step in SEQUENTIAL["path"]], rel=1e-9)
    assert run.interval() == pytest.approx(SEQUENTIAL["confidence_sequence_95"], rel=1e-9)
    assert run.decided(0.99)
    assert not run.decided(0.999)


@pytest.mark.parametrize("point", SEQUENTIAL["reference_points"], ids=str)
def test_counts_have_the_evidence_and_interval_of_the_reference(point: dict) -> None:
    assert e_value(point["wins"], point["n"]) == pytest.approx(point["e_value"], rel=1e-9)
    found = confidence_sequence(point["wins"], point["n"])
    assert found == pytest.approx(point["confidence_sequence_95"], rel=1e-9)


@pytest.mark.parametrize(("wins", "n"), [(0, 0), (0, 3), (5, 9), (30, 40)])
def test_evidence_is_the_mean_likelihood_ratio_over_shares(wins: int, n: int) -> None:
    def ratio(share: float) -> float:
        return share**wins * (1 - share) ** (n - wins) * 2.0**n / (math.pi * math.sqrt(share * (1 - share)))

    assert e_value(wins, n) == pytest.approx(integrate.quad(ratio, 0, 1)[0], rel=1e-6)


def test_if_both_are_alike_evidence_is_one_on_average() -> None:
    for n in (1, 7, 40):
        wins = np.arange(n + 1)
        assert stats.binom.pmf(wins, n, 0.5) @ e_values(wins, np.full(n + 1, n)) == pytest.approx(1)


def test_what_was_decided_stays_decided() -> None:
    run = Sequential()
    for won in [True] * 12 + [False] * 12:
        run.feed(won=won)
    assert run.path[-1] < 1
    assert run.decided()
    assert run.p == pytest.approx(1 / max(run.path))


def test_evidence_beyond_doubles_is_infinite() -> None:
    assert e_value(5000, 5000) == math.inf
    assert confidence_sequence(5000, 5000)[0] > 0.99


@given(COUNTS, st.floats(0.5, 0.99))
def test_the_interval_ends_where_the_evidence_comes_to_its_limit(counts: tuple[int, int], level: float) -> None:
    wins, n = counts
    low, high = confidence_sequence(wins, n, level)
    assert 0 <= low <= (wins / n if n else 0.5) <= high <= 1
    assert confidence_sequence(n - wins, n, level) == pytest.approx((1 - high, 1 - low), abs=1e-12)
    decided = e_value(wins, n) * (1 - level)
    if abs(decided - 1) > 1e-6:
        assert (decided > 1) == (not low < 0.5 < high)


@given(COUNTS)
def test_it_is_wider_than_the_interval_for_one_look(counts: tuple[int, int]) -> None:
    wins, n = counts
    low, high = confidence_sequence(wins, n)
    once = stats.binomtest(wins, n).proportion_ci() if n else (0.0, 1.0)
    assert low <= once[0] + 1e-12
    assert high >= once[1] - 1e-12


def test_all_intervals_of_a_run_hold_the_share_together() -> None:
    rng, held = np.random.default_rng(5), 0
    looks = (5, 10, 20, 40, 80)
    for _ in range(100):
        wins = np.cumsum(rng.random(80) < 0.7)
        intervals = [confidence_sequence(int(wins[n - 1]), n, 0.8) for n in looks]
        held += all(low < 0.7 < high for low, high in intervals)
    assert held >= 80


def test_looking_after_every_outcome_errs_often_by_p_and_seldom_by_evidence() -> None:
    rng = np.random.default_rng(11)
    n = np.arange(1, 201)
    wins = np.cumsum(rng.random((4000, 200)) < 0.5, axis=1)
    evidence = e_values(wins, n).max(1) >= 20
    assert 0.01 < evidence.mean() < 0.05
    fewer = np.minimum(wins, n - wins)
    peeked = (2 * stats.binom.cdf(fewer, n, 0.5)).min(1) < 0.05
    assert peeked.mean() > 0.2


def test_a_better_one_is_found() -> None:
    rng = np.random.default_rng(12)
    wins = np.cumsum(rng.random((500, 400)) < 0.65, axis=1)
    decided = e_values(wins, np.arange(1, 401)) >= 20
    assert decided.any(1).mean() > 0.95
    assert 60 < np.median(decided.argmax(1) + 1) < 130


@pytest.mark.parametrize(("wins", "n"), [(-1, 3), (4, 3)])
def test_more_wins_than_outcomes_are_refused(wins: int, n: int) -> None:
    with pytest.raises(ValueError, match="0 to n"):
        e_value(wins, n)
    with pytest.raises(ValueError, match="is no share"):
        confidence_sequence(wins, n)


def test_a_level_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="level 95"):
        confidence_sequence(1, 2, 95)
    with pytest.raises(ValueError, match="level 95"):
        Sequential().decided(95)
