"""What was found is read as it says: badges between their points, maps by method and token."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from microscope.lens.findings import Badge, Finding, Heat
from tests.lens.samples import finding

BADGE = Badge(
    fractions=(0.0, 0.1, 0.3, 1.0),
    deletion=(1.0, 0.4, 0.2, 0.1),
    keep=(0.1, 0.6, 0.8, 1.0),
    random_deletion=(1.0, 0.9, 0.7, 0.1),
    random_keep=(0.1, 0.2, 0.4, 1.0),
)


def test_what_a_share_keeps_is_read_between_the_points() -> None:
    assert BADGE.kept(0.1) == pytest.approx((0.6, 0.2))
    assert BADGE.kept() == pytest.approx((0.7, 0.3))
    assert BADGE.kept(0) == pytest.approx((0.1, 0.1))
    assert BADGE.kept(1) == pytest.approx((1, 1))


def test_areas_are_those_of_trapezoids() -> None:
    deletion = 0.1 * 0.7 + 0.2 * 0.3 + 0.7 * 0.15
    keep = 0.1 * 0.35 + 0.2 * 0.7 + 0.7 * 0.9
    assert BADGE.areas() == pytest.approx((deletion, keep))


@pytest.mark.parametrize(
    ("keep", "random", "by_chance"),
    [(0.83, 0.31, False), (0.2, 0.4, True), (0.4, 0.4, True), (0.44, 0.4, True), (0.46, 0.4, False)],
)
def test_a_map_that_keeps_hardly_more_than_random_orders_is_by_chance(
    keep: float, random: float, *, by_chance: bool
) -> None:
    known = replace(BADGE, fractions=(0.0, 0.2, 1.0), keep=(0.1, keep, 1.0), random_keep=(0.1, random, 1.0))
    assert known.by_chance is by_chance


def test_a_map_is_found_by_method_and_token() -> None:
    values = np.zeros(3, np.float32)
    heats = Heat("attention", None, values), Heat("attention", 0, values), Heat("rise", None, values)
    one: Finding = replace(finding(), heats=heats)
    assert one.heat("attention", None) is heats[0]
    # The first token is not the whole answer.
    assert one.heat("attention", 0) is heats[1]
    assert one.heat("rise", 0) is None
    assert pickle.loads(pickle.dumps(one)).heat("rise", None) is not None  # noqa: S301  (what was just pickled)
