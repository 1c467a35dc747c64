"""Corrected p-values agree with the reference, statsmodels and scipy; what was not tested does not count."""

from __future__ import annotations

import gc
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from microscope.evaluation.statistics import benjamini_hochberg, holm
from tests.evaluation.statistics.cases import FOUR

PAIRS = FOUR.expected["pairs"]
CHANCES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def column(name: str) -> list[float]:
    """Return one number of all pairs of the reference."""
    return [pair[name] for pair in PAIRS]


@pytest.mark.parametrize(
    ("correct", "plain", "expected"),
    [
        (holm, "mcnemar_exact_p", "holm_p"),
        (holm, "clustered_t_p", "clustered_holm_p"),
        (benjamini_hochberg, "mcnemar_exact_p", "bh_p"),
    ],
)
def test_corrected_ps_are_the_references(correct: object, plain: str, expected: str) -> None:
    assert correct(column(plain)) == pytest.approx(column(expected), rel=1e-12)


def test_corrected_ps_are_those_of_statsmodels_and_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    # statsmodels collects garbage in every call, which takes longer than all the rest.
    monkeypatch.setattr(gc, "collect", lambda: 0)
    rng = np.random.default_rng(6)
    for _ in range(200):
        # Some are equal.
        p = np.round(rng.random(rng.integers(1, 30)) ** 3, 2)
        np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-12)
        np.testing.assert_allclose(benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1], rtol=1e-12)
        np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p), rtol=1e-12)


@given(CHANCES, st.data())
def test_what_was_not_tested_does_not_count(p: list[float], data: st.DataObject) -> None:
    places = data.draw(st.permutations(range(len(p) + 3)))[: len(p)]
    some = np.full(len(p) + 3, math.nan)
    some[places] = p
    for correct in (holm, benjamini_hochberg):
        found = correct(some)
        np.testing.assert_array_equal(found[places], correct(p))
        assert np.isnan(found).sum() == 3


@given(CHANCES)
def test_a_correction_makes_nothing_surer_and_holm_is_the_stricter(p: list[float]) -> None:
    strict, mild = holm(p), benjamini_hochberg(p)
    assert (np.array(p) <= mild + 1e-15).all()
    assert (mild <= strict + 1e-15).all()
    assert strict.max() <= 1


def test_the_list_given_stays_as_it_was() -> None:
    p = np.array([0.04, math.nan, 0.01])
    holm(p)
    np.testing.assert_array_equal(p, [0.04, math.nan, 0.01])


def test_nothing_tested_is_nothing_found() -> None:
    assert holm([]).shape == benjamini_hochberg([]).shape == (0,)


@pytest.mark.parametrize("p", [[-0.1], [1.1], [[0.1, 0.2]]])
def test_what_is_no_list_of_chances_is_refused(p: list) -> None:
    with pytest.raises(ValueError, match="numbers from 0 to 1"):
        holm(p)
