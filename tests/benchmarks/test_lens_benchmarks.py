"""Tests of the lens's benchmarks: each runs for a moment, and the arithmetic of their figures."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
KEYS = ("attention", "relevance", "random")


@pytest.fixture(scope="module")
def script() -> Iterator[Callable[[str], ModuleType]]:
    """Return what imports a script as a module; it finds its neighbours as it does when it is run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module
    sys.path.remove(str(BENCHMARKS))
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def found(script: Callable[[str], ModuleType]) -> dict[str, Any]:
    """Return what three items say of three methods."""
    methods = script("lens_methods")
    return methods.measure(methods.LAST, KEYS, 3, 0)


def test_every_method_and_those_without_taught_heads_have_all_measures(
    script: Callable[[str], ModuleType], found: dict[str, Any]
) -> None:
    names = ["attention", "attention without taught heads", "relevance", "random"]
    assert [row["name"] for row in found["rows"]] == names
    assert (found["items"], found["images"]) == (3, 3)
    for row in found["rows"]:
        assert list(row["measures"]) == list(script("lens_methods").MEASURES)
        for name, one in row["measures"].items():
            assert one["low"] <= one["mean"] <= one["high"], name
        assert all(0 <= row["measures"][name]["mean"] <= 1 for name in ("pointing", "mass"))
        assert row["memory"] > 0
    attention, untaught, relevance, random = (row["measures"] for row in found["rows"])
    assert attention["mass"]["mean"] > untaught["mass"]["mean"] > random["mass"]["mean"]
    assert relevance["backwards"]["mean"] >= relevance["forwards"]["mean"] == 1
    assert random["forwards"]["mean"] == random["backwards"]["mean"] == 0
    assert 0 < found["chance"]["mass"]["mean"] < 0.5


def test_the_table_and_the_verdicts_tell_what_was_measured(
    script: Callable[[str], ModuleType], found: dict[str, Any]
) -> None:
    report, methods = script("lens_report"), script("lens_methods")
    lines = report.methods_table(found).splitlines()
    assert len(lines) == 6
    mass = found["rows"][0]["measures"]["mass"]
    assert f"{mass['mean']:.3f} ±{(mass['high'] - mass['low']) / 2:.3f}" in lines[1]
    assert lines[5].startswith("(chance")
    assert report.verdicts(found).startswith(f"best by pointing: {found['best']['pointing']['name']}")
    # Attention as it is lives on heads that were taught, so it is never called best.
    assert "attention" not in methods.fair(row["name"] for row in found["rows"])
    pointed = {row["name"]: row["measures"]["pointing"]["mean"] for row in found["rows"] if row["name"] != "attention"}
    assert f", {max(pointed.values()):.3f} (aim: at least 0.80)" in methods.aims(found).splitlines()[0]
    assert all(one["name"] != "attention" for one in found["best"].values())


def test_every_training_step_has_its_row(script: Callable[[str], ModuleType]) -> None:
    steps = script("lens_methods").along(("relevance",), 1, 0)
    assert [one["step"] for one in steps] == [100, 300, 800, 2000, 4000, 6000]
    assert all(one["items"] == 1 and set(one["pointing"]) == {"relevance", "chance"} for one in steps)
    assert len(script("lens_report").steps_table(steps).splitlines()) == 7


def test_questions_have_evidence_and_go_on_beyond_the_evaluation_set(script: Callable[[str], ModuleType]) -> None:
    items = script("lens_items")
    everything = items.questions(3)
    drawn = next(one for one in everything if one.image.startswith("drawn-"))
    assert drawn.evidence
    first, again, other = (next(items.questions(seed)) for seed in (3, 3, 4))
    assert (first.image, first.text) == (again.image, again.text) != (other.image, other.text)


def test_heads_that_were_taught_are_silenced_and_no_others(script: Callable[[str], ModuleType]) -> None:
    rows = torch.ones(2, 5, 4, 3)
    silent = script("lens_items").silenced(rows)
    assert rows.min() == 1
    assert silent.sum() == rows.sum() - 2 * 2 * 3
    assert silent[:, 2, :2].sum() == 0


def test_figures_are_clustered_by_image(script: Callable[[str], ModuleType]) -> None:
    report = script("lens_report")
    scores = np.array([[1.0], [1.0], [0.0], [0.0]])
    apart, together = (report.figures(scores, images)[0] for images in (list("abcd"), list("aabb")))
    # By hand: standard errors of 1/sqrt(12) and 1/2, and quantiles of 3.182 and 12.706.
    assert (apart.mean, together.mean) == (0.5, 0.5)
    assert apart.high - apart.mean == pytest.approx(3.18245 / 12**0.5, rel=1e-4)
    assert together.high - together.mean == pytest.approx(12.7062 / 2, rel=1e-4)


def test_what_is_not_told_from_the_best_is_named(script: Callable[[str], ModuleType]) -> None:
    methods = script("lens_methods")
    column = methods.MEASURES.index("deletion")
    arrays = {name: np.zeros((6, len(methods.MEASURES))) for name in ("good", "near", "bad")}
    arrays["near"][:, column] = [0.1, -0.1, 0.1, -0.1, 0.1, -0.05]
    arrays["bad"][:, column] = [0.5, 0.6, 0.5, 0.6, 0.5, 0.6]
    # Of deletion, less is better.
    assert methods.best(arrays, list("abcdef"), "deletion") == {"name": "good", "not told from it": ["near"]}


def test_the_peak_of_memory_is_what_is_there_at_once(script: Callable[[str], ModuleType]) -> None:
    def work() -> None:
        one = torch.zeros(1000, 250)
        two = one + 1
        del one
        two.sum()
        torch.zeros(100)

    assert 2e6 <= script("lens_report").peak_memory(work) < 2.1e6


def test_costs_are_measured_and_both_relevancies_agree(
    script: Callable[[str], ModuleType], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "costs.json"
    given = ["--rounds", "1", "--relevancy-rounds", "1", "--new-tokens", "3", "--side", "64", "--json", str(path)]
    script("lens_costs").main(given)
    found = json.loads(path.read_text())
    embedded, drawn = found["answering"]
    assert (embedded["case"], drawn["case"], drawn["prompt"]) == ("embedded", "S=47", 47)
    assert (embedded["tokens"], drawn["tokens"]) == (3, 3)
    for one in (embedded, drawn):
        assert set(one["ratios"]) == {"probe", "eager"}
        assert all(ratio["seconds"] > 0 for ratio in one["ratios"].values())
    assert found["relevancy"]["apart"] < 1e-4
    assert found["relevancy"]["memory"]["ours"] > 0
    printed = capsys.readouterr().out
    assert "probe" in printed
    assert "relevancy of 3 tokens, S=47" in printed


def test_relevancies_that_differ_are_not_compared(
    script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = script("lens_costs")
    case = costs.random_case(costs.Shape(side=32, layers=1, heads=2, hidden=64, text=9), 2)
    exact = costs.written_out
    monkeypatch.setattr(costs, "written_out", lambda *given: 1.01 * exact(*given))
    with pytest.raises(RuntimeError, match="relevancies differ by"):
        costs.relevancies(case, 1)
