"""Which differences a set of items can show, before it is run and after; and how many items show one.

Differences are in units of the score: 0.05 is five percentage points. Levels are two-sided.
"""

from __future__ import annotations

import math

from scipy.special import ndtri

from microscope.evaluation.statistics.intervals import checked_level, t_quantile
from microscope.evaluation.statistics.means import EQUAL

DISAGREEMENT, POWER, LEVEL = 0.2, 0.8, 0.95


def detectable(se: float, clusters: int, power: float = POWER, level: float = LEVEL) -> float:
    """Return the smallest difference that a set shows with that power, by the standard error found on it.

    It is (t of the level + t of the power) se, with `clusters - 1` degrees: from ten images on within .2 % of what the
    noncentral t of `TTestPower().solve_power` of statsmodels says.
    """
    return (t_quantile(clusters, (1 + level) / 2) + t_quantile(clusters, checked_level(power))) * se


def detectable_before(
    items: int,
    disagreement: float = DISAGREEMENT,
    design_effect: float = 1.0,
    power: float = POWER,
    level: float = LEVEL,
) -> float:
    """Return the smallest difference that so many items show, of two arms that disagree on a share of them.

    `design_effect` is what sharing images costs: 1 with one item an image. Equals `NormalIndPower(ratio=0)` of
    statsmodels on differences of standard deviation root(disagreement). Raises `ValueError` for no items.
    """
    if items < 1:
        raise ValueError(f"{items} items show no difference")
    variance = _checked(disagreement, "a share of disagreement", 1) * _checked(design_effect, "a design effect")
    return _quantiles(power, level) * math.sqrt(variance / items)


def items_needed(
    difference: float,
    disagreement: float = DISAGREEMENT,
    design_effect: float = 1.0,
    power: float = POWER,
    level: float = LEVEL,
) -> int | None:
    """Return how many items show a difference, of two arms that disagree on a share of them; None for one of 0.

    Arms that differ by so much disagree on at least as large a share, which is taken then.
    """
    size = _checked(abs(difference), "a difference", 1)
    share = max(_checked(disagreement, "a share of disagreement", 1), size)
    return items_needed_from(difference, math.sqrt(share - size**2), design_effect, power, level)


def items_needed_from(
    difference: float, sd: float, design_effect: float = 1.0, power: float = POWER, level: float = LEVEL
) -> int | None:
    """Return how many items show a difference whose values by item have that standard deviation; None for one of 0.

    Equals `NormalIndPower(ratio=0).solve_power(difference / sd)` of statsmodels, times the design effect, rounded up;
    two at least.
    """
    factor = _quantiles(power, level) ** 2 * _checked(design_effect, "a design effect") * _checked(sd, "an sd") ** 2
    if abs(difference) <= EQUAL:
        return None
    return max(2, math.ceil(factor / difference**2))


def _quantiles(power: float, level: float) -> float:
    return float(ndtri((1 + checked_level(level)) / 2) + ndtri(checked_level(power)))


def _checked(value: float, name: str, most: float = math.inf) -> float:
    if not 0 <= value <= most or not math.isfinite(value):
        raise ValueError(f"{name} of {value:g} does not exist")
    return value
