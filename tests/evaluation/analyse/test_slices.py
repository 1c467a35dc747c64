"""Slices are the parts worth looking at, each with the numbers of its own items, worst first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from microscope.evaluation.analyse.groups import groupings, spoken
from microscope.evaluation.analyse.prepared import prepare
from microscope.evaluation.analyse.slices import reference_and_candidate, slices_of
from microscope.evaluation.analysis import Options, Slice
from microscope.evaluation.results import Results
from microscope.evaluation.statistics import choose, differences, wilson
from tests.evaluation.analyse.made import drawn, results


def slices(made: Results, options: Options = Options()) -> tuple[Slice, ...]:
    prepared = prepare(made, options)
    return slices_of(prepared, groupings(prepared.results, spoken(prepared.results)))


def test_each_slice_has_the_numbers_of_its_items_alone() -> None:
    scores = drawn(200, [0.5, 0.6, 0.7])
    clusters = np.arange(200) // 5
    found = slices(results(scores))
    assert found
    for part in found:
        rows = list(part.items)
        means = choose(scores[rows], clusters[rows])
        change = differences(means, [(0, 2)])[0]
        assert part.images == len(set(clusters[rows]))
        assert part.difference.value == pytest.approx(change.difference)
        assert (part.difference.low, part.difference.high) == pytest.approx((change.low, change.high))
        for arm, score in enumerate(part.scores):
            error = float(np.sqrt(means.covariance[arm, arm]))
            assert (score.low, score.high) == pytest.approx(wilson(score.value, error, len(rows), part.images))


def test_p_values_are_corrected_over_all_slices_tried() -> None:
    scores = drawn(200, [0.5, 0.7])
    found = slices(results(scores))
    clusters = np.arange(200) // 5
    raw = [differences(choose(scores[list(part.items)], clusters[list(part.items)]))[0].p for part in found]
    assert [part.p_bh for part in found] == pytest.approx(false_discovery_control(raw))


def test_the_worst_comes_first() -> None:
    found = slices(results(drawn(300, [0.5, 0.7])))
    changes = [part.difference.value for part in found]
    assert changes == sorted(changes)
    alone = slices(results(drawn(300, [0.5])))
    assert [part.scores[0].value for part in alone] == sorted(part.scores[0].value for part in alone)
    assert {(part.difference, part.p_bh) for part in alone} == {(None, None)}


def test_small_parts_and_the_whole_are_no_slices() -> None:
    made = results(drawn(40, [0.5, 0.7]))
    items = [replace(item, kind="rare" if row < 4 else "usual", tags=("all",)) for row, item in enumerate(made.items)]
    found = {(part.name, part.value) for part in slices(replace(made, items=tuple(items)))}
    assert ("kind", "usual") in found
    assert ("kind", "rare") not in found
    assert ("tag", "all") not in found


def test_a_slice_of_few_images_has_no_p() -> None:
    found = slices(results(drawn(20, [0.5, 0.7])))
    assert found
    assert {part.p_bh for part in found} == {None}


def test_candidate_and_reference_are_the_last_arm_and_the_baseline_or_first() -> None:
    made = results(np.ones((4, 3)))
    assert reference_and_candidate(made, Options()) == (0, 2)
    assert reference_and_candidate(made, Options("step-2000")) == (1, 2)
    assert reference_and_candidate(made, Options("step-3000")) == (2, 1)
    assert reference_and_candidate(results(np.ones((4, 1))), Options()) is None
