"""Tests of the benchmark: a run of two rounds on a model of a few thousand weights, and the arithmetic."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def overhead() -> Iterator[ModuleType]:
    """Return the script as a module; it finds its neighbour as it does when it is run."""
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("overhead")
    sys.path.remove(str(BENCHMARKS))


def test_a_run_measures_one_and_several_checkpoints_with_equal_answers(overhead: ModuleType, tmp_path: Path) -> None:
    folder = overhead.build_random(tmp_path / "micro", (32, 1), (32, 1))
    plan = overhead.Plan(rounds=2, warm_up=0, new_tokens=3, http=False)
    rows = overhead.measure("micro", overhead.copies(folder, 2), plan)
    assert [(one.checkpoints, one.tokens, one.way) for one in rows] == [(1, 3, "engine"), (2, 6, "engine")]
    for one in rows:
        assert 0 < one.first.bare_seconds <= one.total.bare_seconds
        assert 0 < one.first.seconds <= one.total.seconds
    report = overhead.table(rows, overhead.conditions(plan))
    assert "2 rounds after 0 of warm-up; torch threads: 1;" in report
    assert sum(line.startswith("micro 0.") for line in report.splitlines()) == 2


def test_the_ratio_is_that_of_the_medians_and_its_interval_holds_it(overhead: ModuleType) -> None:
    bare = [1.0, 1.1, 0.9, 5.0, 1.0]
    ratio = overhead.compare(bare, [1.2 * seconds for seconds in bare])
    assert ratio.bare_seconds == 1.0
    assert ratio.seconds == pytest.approx(1.2)
    assert (ratio.ratio, ratio.low, ratio.high) == pytest.approx((1.2, 1.2, 1.2))
    noisy = overhead.compare(bare, [1.0, 2.0, 1.5, 1.1, 0.9])
    assert noisy.low < noisy.ratio < noisy.high


def test_every_other_round_goes_backwards_and_warm_up_does_not_count(overhead: ModuleType) -> None:
    calls: list[tuple[str, int]] = []

    def way(name: str, seed: int) -> object:
        calls.append((name, seed))
        return overhead.Times(float(seed), float(seed), ((1, 2),))

    ways = {name: lambda seed, name=name: way(name, seed) for name in ("bare", "engine")}
    times = overhead.in_turn(ways, overhead.Plan(rounds=2, warm_up=1), itertools.count())
    assert calls == [("engine", 0), ("bare", 1), ("bare", 2), ("engine", 3), ("engine", 4), ("bare", 5)]
    assert [one.total for one in times["bare"]] == [2.0, 5.0]


def test_ways_that_answer_differently_are_not_compared(overhead: ModuleType) -> None:
    ways = {"bare": lambda _: overhead.Times(1, 1, ((1,),)), "engine": lambda _: overhead.Times(1, 1, ((2,),))}
    with pytest.raises(RuntimeError, match="answers differ"):
        overhead.in_turn(ways, overhead.Plan(), itertools.count())


def test_the_command_line_chooses_the_plan(overhead: ModuleType) -> None:
    assert overhead.read_plan([]) == (overhead.Plan(), False)
    given = ["--rounds", "5", "--warm-up", "1", "--new-tokens", "8", "--threads", "2", "--no-http", "--json"]
    assert overhead.read_plan(given) == (overhead.Plan(5, 1, 8, 2, http=False), True)
