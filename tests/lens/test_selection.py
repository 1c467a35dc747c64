"""What is rejected is what the rule says: the worst of those that have a place, and never all or nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.errors import UserError
from microscope.lens.selection import RULES, Selection, keep_best, random_order, ranked, select
from tests.lens.samples import grid, layout

FOUR = layout(grid(2, 2))
# Cells 0 and 3 have no place.
GAPS = layout((None, *grid(1, 2), None, *grid(1, 2)))


@pytest.mark.parametrize(
    ("values", "order"),
    [
        ([0.1, 0.4, 0.2, 0.3], [1, 3, 2, 0]),
        ([1, 1, 2, 1], [2, 0, 1, 3]),
        ([math.nan, -1, math.inf, math.nan, -math.inf], [2, 1, 4, 0, 3]),
        ([0.0, -0.0, 0.0], [0, 1, 2]),
        ([], []),
    ],
)
def test_cells_are_ranked_by_value_then_index_and_nan_last(values: list[float], order: list[int]) -> None:
    assert ranked(np.array(values, np.float32)).tolist() == order


@pytest.mark.parametrize(
    ("budget", "rejected"), [(0.01, (0, 2, 3)), (0.25, (0, 2, 3)), (0.26, (0, 2)), (0.5, (0, 2)), (0.75, (0,))]
)
def test_the_share_that_is_kept_is_rounded_up(budget: float, rejected: tuple[int, ...]) -> None:
    assert keep_best(FOUR, np.array([0.1, 0.4, 0.2, 0.3]), budget, "map") == Selection("map", rejected)


@given(st.integers(1, 99))
def test_a_whole_percentage_of_a_hundred_cells_is_that_many(percent: int) -> None:
    hundred = layout(grid(10, 10))
    assert len(keep_best(hundred, np.arange(100), percent / 100, "map").rejected) == 100 - percent


def test_cells_without_a_place_are_kept_and_not_counted() -> None:
    values = np.array([-9, 4, 3, -9, 2, 1])
    assert keep_best(GAPS, values, 0.5, "map").rejected == (4, 5)
    assert select(GAPS, (0, 1, 3), "drawn").rejected == (1,)


def test_a_map_that_is_nan_somewhere_rejects_there_first() -> None:
    assert keep_best(FOUR, np.array([math.nan, 0, -1, math.nan]), 0.5, "map").rejected == (0, 3)


@pytest.mark.parametrize("budget", [0, -0.1, 1.01, math.nan])
def test_a_share_that_is_none_is_refused(budget: float) -> None:
    with pytest.raises(UserError, match="more than 0 and at most 1"):
        keep_best(FOUR, np.arange(4), budget, "map")


def test_rejecting_nothing_or_everything_is_refused_with_what_to_do() -> None:
    with pytest.raises(UserError, match="keep a smaller share"):
        keep_best(FOUR, np.arange(4), 1, "map")
    with pytest.raises(UserError, match="keep a smaller share"):
        select(GAPS, (0, 3), "drawn")
    with pytest.raises(UserError, match="keep a larger share"):
        select(GAPS, (1, 2, 4, 5), "drawn")
    with pytest.raises(UserError, match="has a place"):
        keep_best(layout((None, None)), np.arange(2), 0.5, "map")


def test_values_for_other_cells_are_a_bug() -> None:
    with pytest.raises(ValueError, match="3 values for 4 cells"):
        keep_best(FOUR, np.arange(3), 0.5, "map")


def test_a_random_order_is_the_same_for_ever() -> None:
    assert random_order(layout(grid(2, 4)), 7).tolist() == [7, 4, 3, 2, 0, 5, 6, 1]


def test_a_random_order_is_a_permutation_with_the_placeless_last() -> None:
    ranks = random_order(GAPS, 3)
    assert sorted(ranks.tolist()) == list(range(6))
    assert {int(ranks[0]), int(ranks[3])} == {4, 5}
    assert len({tuple(random_order(GAPS, seed).tolist()) for seed in range(40)}) > 10


def test_every_cell_is_first_about_as_often() -> None:
    firsts = np.bincount([int(np.argmin(random_order(FOUR, seed))) for seed in range(2_000)], minlength=4)
    # Four standard deviations of a binomial of 2000 and 1/4.
    assert np.all(np.abs(firsts - 500) < 4 * math.sqrt(2_000 * 3 / 16))


def test_random_rejection_keeps_the_first_of_the_order() -> None:
    ranks = random_order(FOUR, 1)
    rejected = keep_best(FOUR, -ranks, 0.5, "random").rejected
    assert sorted(ranks[list(rejected)].tolist()) == [2, 3]


def test_rules_have_keys_and_names_of_their_own() -> None:
    assert [rule.key for rule in RULES] == ["map", "vision", "random", "drawn"]
    assert len({rule.label for rule in RULES}) == len(RULES)
