"""Plans agree with the reference, with a table, and with what statsmodels says of power."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower, TTestPower

from microscope.evaluation.statistics import detectable, detectable_before, items_needed, items_needed_from
from tests.evaluation.statistics.cases import TWO

POWER = TWO.expected["power"]


def test_what_two_checkpoints_could_have_shown_is_the_references() -> None:
    errors = TWO.expected["se_difference"]
    assert detectable(errors["cr1"], 14) == pytest.approx(POWER["mde_clustered_t"], rel=1e-9)
    assert detectable(errors["naive"], 48) == pytest.approx(POWER["mde_items_t"], rel=2e-3)
    # Items on which the two disagree, in spread as it was found.
    share = (errors["naive"] * math.sqrt(48)) ** 2
    assert detectable_before(48, share) == pytest.approx(POWER["mde_items_z"], rel=1e-9)
    needed = items_needed_from(TWO.expected["difference"], errors["naive"] * math.sqrt(48))
    assert needed == math.ceil(POWER["n_for_80pct_normal"])


@pytest.mark.parametrize(
    ("items", "points"),
    [
        (50, (12.5, 17.7, 21.7, 25.1)),
        (100, (8.9, 12.5, 15.3, 17.7)),
        (200, (6.3, 8.9, 10.9, 12.5)),
        (500, (4.0, 5.6, 6.9, 7.9)),
        (1000, (2.8, 4.0, 4.9, 5.6)),
        (5000, (1.3, 1.8, 2.2, 2.5)),
    ],
)
def test_differences_that_show_are_those_of_the_table(items: int, points: tuple[float, ...]) -> None:
    plans = ((0.1, 1), (0.2, 1), (0.3, 1), (0.2, 2))
    assert tuple(round(100 * detectable_before(items, *plan), 1) for plan in plans) == points
    assert detectable_before(items) == detectable_before(items, 0.2, 1.0)


@pytest.mark.parametrize(("points", "items"), [(5, 621), (3, 1737), (2, 3917), (1, 15_690)])
def test_items_that_it_takes_are_those_of_the_table(points: int, items: int) -> None:
    assert items_needed(points / 100) == items_needed(-points / 100) == items


@pytest.mark.parametrize("images", [10, 14, 30, 100, 1000])
@pytest.mark.parametrize(("power", "level"), [(0.8, 0.95), (0.9, 0.95), (0.8, 0.99)])
def test_what_shows_by_an_error_is_what_the_noncentral_t_says(images: int, power: float, level: float) -> None:
    exact = TTestPower().solve_power(nobs=images, alpha=1 - level, power=power)
    assert detectable(1 / math.sqrt(images), images, power, level) == pytest.approx(exact, rel=2e-2)
    if (power, level) == (0.8, 0.95):
        assert detectable(1 / math.sqrt(images), images) == pytest.approx(exact, rel=2e-3)


def test_items_needed_are_those_of_statsmodels() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        difference, sd = rng.uniform(0.02, 0.1), rng.uniform(0.3, 0.6)
        power, level = rng.uniform(0.6, 0.95), rng.uniform(0.9, 0.99)
        plain = NormalIndPower(ddof=0).solve_power(difference / sd, alpha=1 - level, power=power, ratio=0)
        assert items_needed_from(difference, sd, power=power, level=level) == pytest.approx(math.ceil(plain), abs=1)
        assert items_needed_from(difference, sd, 2, power, level) == pytest.approx(math.ceil(2 * plain), abs=1)
        by_t = TTestPower().solve_power(difference / sd, alpha=1 - level, power=power)
        assert plain < by_t < plain + 4


def test_so_many_items_show_the_difference_that_asked_for_them() -> None:
    for difference in (0.01, 0.03, 0.08):
        items = items_needed(difference, 0.15, 1.7)
        assert items is not None
        # The plan before a run takes the larger variance, that of no difference.
        assert difference <= detectable_before(items, 0.15, 1.7) < 1.05 * difference


def test_arms_disagree_on_at_least_as_much_as_they_differ_by() -> None:
    assert items_needed(0.4, 0.2) == items_needed(0.4, 0.4)
    assert items_needed(1, 0.2) == 2


def test_no_number_of_items_shows_no_difference() -> None:
    assert items_needed(0) is None
    assert items_needed_from(0, 0.5) is None
    assert items_needed_from(0.9 - 0.3 - 0.6, 0.5) is None


def test_what_does_not_vary_shows_at_once() -> None:
    assert items_needed_from(0.1, 0) == 2
    assert detectable(0, 10) == 0


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: detectable(0.1, 1), "no interval for 1 clusters"),
        (lambda: detectable(0.1, 10, power=80), "level 80"),
        (lambda: detectable_before(0), "0 items"),
        (lambda: detectable_before(10, 1.5), "a share of disagreement of 1.5"),
        (lambda: detectable_before(10, design_effect=math.inf), "a design effect of inf"),
        (lambda: detectable_before(10, power=1), "level 1"),
        (lambda: items_needed(1.1), "a difference of 1.1"),
        (lambda: items_needed(0.1, -0.1), "a share of disagreement of -0.1"),
        (lambda: items_needed_from(0.1, math.nan), "an sd of nan"),
        (lambda: items_needed_from(0.1, 0.1, level=95), "level 95"),
    ],
)
def test_plans_that_make_no_sense_are_refused(call: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        call()
