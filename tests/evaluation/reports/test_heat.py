"""The heat map is a table with a number in every cell."""

from __future__ import annotations

import re
from dataclasses import replace

from microscope.evaluation.analyse import analyse
from microscope.evaluation.analysis import Estimate, Slice
from microscope.evaluation.reports.heat import heat_map
from tests.evaluation.reports.findings import SCRIPT, hostile, plain


def test_every_arm_has_a_cell_in_every_slice_and_the_palest_is_the_lowest() -> None:
    low, high = Estimate(0.2), Estimate(0.9)
    parts = tuple(Slice("kind", name, (1, 2), 2, (low, high, high), None, None) for name in "ab")
    found = heat_map(replace(analyse(plain()), slices=parts))
    assert re.findall(r'--share:([\d.]+)">(\d+)<', found) == [("0.00", "20"), ("1.00", "90"), ("1.00", "90")] * 2
    assert found.count('scope="row"') == 2
    assert found.count('scope="col"') == 4
    assert "from 20.0 % to 90.0 %" in found


def test_slices_that_are_all_alike_and_none_at_all() -> None:
    part = Slice("kind", "a", (1,), 1, (Estimate(0.5),) * 3, None, None)
    assert "--share:1.00" in heat_map(replace(analyse(plain()), slices=(part,)))
    assert heat_map(replace(analyse(plain()), slices=())) == ""


def test_only_the_worst_are_shown_and_nothing_is_markup() -> None:
    found = heat_map(analyse(hostile()), most=4)
    assert found.count("<tr>") == 5
    assert SCRIPT not in found
