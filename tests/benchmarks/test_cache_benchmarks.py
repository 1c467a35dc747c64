"""Tests of the model cache's benchmarks: each runs for a moment on small models and finds no fault."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def script() -> Iterator[object]:
    """Return what imports a script as a module; it finds its neighbours as it does when it is run."""
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module
    sys.path.remove(str(BENCHMARKS))


def test_every_way_to_change_models_is_measured(
    script: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: ModuleType = script("cache_loads")  # type: ignore[operator]
    monkeypatch.setitem(loads.SHAPES, "tiny", ((32, 1), (32, 1)))
    found = loads.measure("tiny", tmp_path, 2, "cpu")
    ways = {way["name"]: way for way in found["ways"]}
    assert list(ways)[:4] == ["plain", "swap", "pointer", "floor"]
    assert {"cold", "prefetched", "cold_plain", "evict", "unmap", "hit"} <= set(ways)
    assert all(0 < way["least"] <= way["median"] for way in ways.values())
    assert [len(ways[name]["seconds"]) for name in ("plain", "swap", "cold")] == [2, 2, 3]
    report = loads.table(found)
    assert report.startswith("tiny (0.000 GB), 2 rounds")
    assert "full collections during evictions: 0" in report


def test_a_short_stress_finds_every_answer_right_and_nothing_left(script: object) -> None:
    stress = script("cache_stress").Stress(threads=6, lanes=1)  # type: ignore[operator]
    stress.run(3.0)
    found = stress.findings
    assert found.answers > 0
    assert (found.wrong, found.failures, stress.leaks(), found.over, found.late()) == ([], [], [], 0, [])
    assert found.kinds["eviction"] > 0


def test_a_wrong_answer_and_a_late_one_would_be_found(script: object) -> None:
    module: ModuleType = script("cache_stress")  # type: ignore[operator]
    stress = module.Stress(threads=1, lanes=1)
    asked = (0, 0, 0, 0)
    stress.references[asked] = [1, 2, 3]
    stress._ask([asked], leaves=False, after=0)
    assert len(stress.findings.wrong) == 1
    stress.findings.waits = [(module.PATIENCE + 1000.0, 0)]
    assert len(stress.findings.late()) == 1
