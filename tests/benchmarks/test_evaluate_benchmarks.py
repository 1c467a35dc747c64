"""Tests of the benchmarks of Evaluate: each runs for a moment, and what they refuse and report."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
# Speaks as `evaluate_lmms.py` does, and answers every question alike.
STAND_IN = """#!{python}
import json, sys
rows = [json.loads(line) for line in open(sys.argv[2])]
print(json.dumps({{"lmms-eval": "0", "arguments": " ".join(sys.argv[4:])}}), flush=True)
for _ in sys.stdin:
    said = {{"seconds": 2.0, "answering": 1.0, "processor": 1.5, "texts": ["{text}" for _ in rows], "mean": {mean}}}
    print(json.dumps(said), flush=True)
"""


@pytest.fixture(scope="module")
def script() -> Iterator[Callable[[str], ModuleType]]:
    """Return what imports a script as a module; it finds its neighbours as it does when it is run."""
    threads = torch.get_num_threads()
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module
    sys.path.remove(str(BENCHMARKS))
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def speed(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("evaluate_speed")


def stand_in(folder: Path, text: str = "no such answer", mean: float = 0.0) -> Path:
    path = folder / "python"
    path.write_text(STAND_IN.format(python=sys.executable, text=text, mean=mean), encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_loop_and_the_app_answer_the_same(speed: ModuleType) -> None:
    plan = speed.Plan(rounds=2, warm_up=0, items=12)
    found, texts = speed.measure(plan, None)
    assert texts[speed.LOOP] == texts[speed.APP]
    assert found.items == 12
    assert found.texts_differ == 0
    assert [one.way for one in found.speeds] == [speed.LOOP, speed.APP]
    assert [(one.fast, one.slow, one.part) for one in found.gains] == [
        (speed.APP, speed.LOOP, "seconds"),
        (speed.APP, speed.LOOP, "processor"),
    ]
    assert all(one.items_per_second > 0 and 0.5 < one.right <= 1 for one in found.speeds)
    report = speed.table(found, speed.conditions(plan, found))
    assert "12 items, 2 rounds after 0 of warm-up; torch threads: 1;" in report
    assert "lmms-eval was left out" in report


def test_lmms_eval_is_asked_in_a_process_of_its_own(
    script: Callable[[str], ModuleType], speed: ModuleType, tmp_path: Path
) -> None:
    process = script("evaluate_process")
    subject = speed.Subject(speed.read_evalset(speed.EVALSET)[:3], speed.EVALSET, speed.CHECKPOINT)
    with process.started(stand_in(tmp_path), subject, 16, 1) as lmms:
        assert lmms.versions["arguments"] == "--batch 16 --threads 1 --new-tokens 48"
        taken = [lmms.answer_all() for _ in range(2)]
    assert taken == [speed.Taken(2.0, 1.0, 1.5, ("no such answer",) * 3, 0.0)] * 2
    rows = process.rows_of(subject)
    assert Path(str(rows[0]["image"])).is_file()
    assert rows[0]["question"] == subject.items[0].question


def test_a_process_that_stops_says_its_last_words(
    script: Callable[[str], ModuleType], speed: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "python"
    path.write_text(f"#!{sys.executable}\nraise SystemExit('nothing of that name')\n", encoding="utf-8")
    path.chmod(0o755)
    subject = speed.Subject((), speed.EVALSET, speed.CHECKPOINT)
    with (
        pytest.raises(RuntimeError, match="nothing of that name"),
        script("evaluate_process").started(path, subject, 1, 1),
    ):
        pytest.fail("it was ready")


def test_ways_that_score_differently_are_not_compared(speed: ModuleType) -> None:
    def score(texts: tuple[str, ...]) -> np.ndarray:
        return np.array([text == "yes" for text in texts])

    right = speed.Taken(1.0, 1.0, 1.0, ("yes", "no"))
    speed.check({"loop": right, "app": speed.Taken(1.0, 1.0, 1.0, ("yes", "nay"), 0.5)}, score)
    with pytest.raises(RuntimeError, match=r"scores differ from those of loop, in items: \{'app': 2\}"):
        speed.check({"loop": right, "app": speed.Taken(1.0, 1.0, 1.0, ("no", "yes"))}, score)
    with pytest.raises(RuntimeError, match=r"reports a mean of 1\.0"):
        speed.check({"loop": right, "app": speed.Taken(1.0, 1.0, 1.0, ("yes", "no"), 1.0)}, score)


def test_all_of_the_apps_time_is_held_against_lmms_evals_answering_too(speed: ModuleType) -> None:
    taken = {
        speed.LOOP: [speed.Taken(12.0, 12.0, 12.0, ())],
        speed.LMMS: [speed.Taken(4.0, 3.0, 4.0, ())],
        speed.APP: [speed.Taken(2.0, 1.0, 2.0, ())],
    }
    times = {(one.fast, one.slow, one.part): (one.times.ratio, one.aim) for one in speed.gains(taken)}
    assert times[speed.APP, speed.LOOP, "seconds"] == (6.0, 3.0)
    assert times[speed.APP, speed.LMMS, "seconds"] == (2.0, 2.0)
    assert times[speed.APP, speed.LMMS, "answering"] == (1.5, 2.0)
    assert times[speed.APP, speed.LMMS, "processor"] == (2.0, None)
    assert times[speed.LMMS, speed.LOOP, "seconds"] == (3.0, None)


def test_the_command_line_chooses_the_plan(speed: ModuleType) -> None:
    assert speed.read_arguments([]).plan == speed.Plan()
    numbers = {"--rounds": 3, "--warm-up": 0, "--items": 5, "--threads": 2, "--batch": 8}
    words = [word for name, number in numbers.items() for word in (name, str(number))]
    given = speed.read_arguments([*words, "--lmms-python", "python"])
    assert given.plan == speed.Plan(3, 0, 5, 2, 8)
    assert given.lmms_python == Path("python")


def test_a_large_run_is_drawn_and_analysed(
    script: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    scale = script("evaluate_scale")
    scale.main(["--items", "400", "--images", "90", "--arms", "3", "--json"])
    cost = json.loads(capsys.readouterr().out)
    assert cost["size"] == {"items": 400, "images": 90, "arms": 3}
    assert cost["pairs"] >= 2
    assert cost["seconds"] > 0
    assert cost["added"] >= 0
    results = scale.drawn(scale.Size(400, 90, 3))
    assert results.scores.shape == (3, 400, 3)
    assert len(np.unique(results.clusters)) == len(results.images) == 90
