"""Amounts and times are said as people read them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from microscope.engine.usage import Spent
from microscope.space.cost import Habit
from microscope.space.findings import Status
from microscope.ui.space import words
from tests.ui.space.samples import USAGE


@pytest.mark.parametrize(
    ("dollars", "said"),
    [
        (0, "$0.00"),
        (0.00001, "less than $0.0001"),
        (0.000268, "$0.00027"),
        (0.004, "$0.004"),
        (0.4, "$0.40"),
        (26.4, "$26.40"),
        (1825, "$1,825"),
    ],
)
def test_money(dollars: float, said: str) -> None:
    assert words.money(dollars) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(4, "4 s"), (61, "1 min"), (3600, "1 h"), (11_520, "3 h 12 min"), (86_400, "1 d"), (100_000, "1 d 3 h")],
)
def test_spans(seconds: float, said: str) -> None:
    assert words.span(seconds) == said


@pytest.mark.parametrize(("value", "said"), [(0, "0"), (0.034, "0.03"), (2.41, "2.4"), (3.04, "3"), (11.6, "11.6")])
def test_numbers(value: float, said: str) -> None:
    assert words.number(value) == said


def test_what_was_measured_comes_with_how_often() -> None:
    assert words.measured(USAGE) == (
        "2.4 s an answer in the mean, 2.2 s in the median, 3 s the last; 61 answers in 37 runs"
    )
    assert words.measured(replace(USAGE, calls=1, answers=1)).endswith("one answer in one run")
    assert "11.6 s a run" in words.asked(USAGE)


def test_counts_and_rows() -> None:
    assert (words.begin(1), words.begin(3)) == ("Setup: one thing to do", "Setup: 3 things to do")
    assert words.task_row("lens", Spent(1200, 2, 12.34)) == ("Lens", "1,200", "2", "12.3")
    assert words.task_row("another", Spent())[0] == "another"
    assert words.month_asleep(Habit(10, 1.5, 0.5)) == "A month of 10 days with 1.5 h of use, asleep 30 min after"
    assert words.quota(2400) == "40 min"


def test_every_finding_has_its_place_in_the_list() -> None:
    assert sorted(status for _, stati in words.GROUPS for status in stati) == sorted(Status)
