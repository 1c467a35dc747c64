"""Results hold three readings of every score, and hand out the normal one."""

from __future__ import annotations

import numpy as np

from microscope.evaluation.results import NORMAL, STRICTNESS
from tests.evaluation.analyse.made import results


def test_the_matrix_is_the_normal_reading_as_double_precision() -> None:
    normal = np.array([[1.0, 0.0], [0.5, 1.0]])
    found = results(normal, strictness=(normal * 0, normal * 0 + 1))
    assert found.matrix.dtype == np.float64
    assert np.array_equal(found.matrix, normal)
    assert np.array_equal(found.scores[STRICTNESS.index(NORMAL)], normal)


def test_arms_come_in_the_order_of_their_answers() -> None:
    found = results(np.ones((4, 3)))
    assert [arm.key for arm in found.arms] == ["step-1000", "step-2000", "step-3000"]
