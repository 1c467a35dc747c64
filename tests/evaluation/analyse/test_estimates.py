"""Intervals stay within what can be, and what too few pictures carry has none."""

from __future__ import annotations

import numpy as np
import pytest

from microscope.evaluation.analyse.estimates import difference, optional, p_values, score
from microscope.evaluation.analysis import Estimate
from microscope.evaluation.statistics import interval, wilson


def test_shares_have_wilsons_interval_and_soft_scores_students() -> None:
    share = score(0.8, 0.02, 750, 150, 0.95, binary=True)
    assert (share.low, share.high) == wilson(0.8, 0.02, 750, 150)
    soft = score(0.8, 0.02, 750, 150, 0.95, binary=False)
    assert (soft.low, soft.high) == interval(0.8, 0.02, 150)


def test_no_interval_leaves_what_can_be() -> None:
    soft = score(0.99, 0.05, 20, 10, 0.95, binary=False)
    assert soft.high == 1.0
    assert difference(0.9, 0.3, 8, 0.95)[0].high == 1.0


def test_all_right_is_not_certain_and_counts_pictures() -> None:
    found = score(1.0, 0.0, 500, 20, 0.95, binary=False)
    assert found.high == pytest.approx(1.0)
    assert found.low == pytest.approx(wilson(1.0, 0.0, 20, 20)[0])


def test_one_picture_has_no_interval_and_five_no_p() -> None:
    assert score(0.5, float("nan"), 4, 1, 0.95, binary=True) == Estimate(0.5)
    assert difference(0.5, 0.1, 1, 0.95) == (Estimate(0.5), None)
    estimate, p = difference(0.5, 0.1, 5, 0.95)
    assert estimate.low is not None
    assert p is None


def test_many_p_values_are_those_of_each() -> None:
    values, errors = np.array([0.1, -0.3, 0.0, 0.4, 0.2, 0.2]), np.array([0.05, 0.1, 0.0, 0.0, 0.1, np.nan])
    images = np.array([6, 40, 12, 9, 5, 30])
    each = [difference(*numbers, 0.95)[1] for numbers in zip(values, errors, images.tolist(), strict=True)]
    found = [optional(p) for p in p_values(values, errors, images)]
    assert found == [None if p is None else pytest.approx(p) for p in each]
    assert found[4:] == [None, None]
