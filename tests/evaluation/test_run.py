"""A run tells how far it is, keeps arms apart, and puts results together no more often than is worth it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from microscope.engine.batch.asks import Answered
from microscope.engine.gpu import Door
from microscope.errors import UserError
from microscope.evaluation.run import Run
from microscope.evaluation.scoring import find_scorer
from microscope.evaluation.tally import Tally
from tests.evaluation.service import part_of_set, plain, service


def steps(tmp_path: Path, images: int, arms: int = 3, *, early: bool = False) -> list:
    here = service(tmp_path)
    run = Run(here.evaluator.engine, None, part_of_set(images), plain()[:arms], find_scorer("exact"))
    return list(run.steps(early=early))


def test_results_come_while_it_runs_and_hold_what_all_begun_arms_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("microscope.evaluation.run.TELL_SECONDS", 0.0)
    monkeypatch.setattr("microscope.evaluation.run.TELL_SHARE", 1e9)
    told = [progress.results for progress in steps(tmp_path, 6) if progress.results is not None]
    assert len(told) > 3
    assert [len(results.arms) for results in told] == sorted(len(results.arms) for results in told)
    assert {len(results.arms) for results in told} == {1, 2, 3}


def test_time_left_is_told_once_something_was_computed(tmp_path: Path) -> None:
    progress = steps(tmp_path, 6)
    assert progress[0].left is None
    known = [one.left for one in progress if one.left is not None]
    assert known[-1] == 0
    assert max(known) > 0


def test_putting_results_together_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microscope.evaluation.run.TELL_SECONDS", 10**6)
    counted = []
    results = Tally.results

    def watched(self: Tally, *given: object) -> object:
        counted.append(1)
        return results(self, *given)

    monkeypatch.setattr(Tally, "results", watched)
    steps(tmp_path, 6)
    # One at the end, and one where a store may have known everything.
    assert len(counted) <= 2


def test_an_arm_whose_calls_are_refused_is_named_and_the_others_finish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Door.run

    def refusing(self: Door, name: str, payload: tuple) -> object:
        if payload[0].local.spec.key == plain()[1].checkpoint:
            raise ValueError("a secret")
        return run(self, name, payload)

    monkeypatch.setattr(Door, "run", refusing)
    last = steps(tmp_path, 2)[-1]
    assert last.results is not None
    assert list(last.results.missing) == [plain()[1].key]
    assert "secret" not in last.message
    assert "reference" in last.message
    assert [arm.key for arm in last.results.arms] == [plain()[0].key, plain()[2].key]


def test_an_early_run_of_one_arm_is_an_ordinary_one(tmp_path: Path) -> None:
    last = steps(tmp_path, 2, 1, early=True)[-1]
    assert last.done == last.total
    assert not last.stopped_early


def test_without_one_of_its_arms_nothing_is_decided(tmp_path: Path) -> None:
    here = service(tmp_path)
    arms = (plain()[0], replace(plain()[2], key="gone", checkpoint="gone"))
    run = Run(here.evaluator.engine, None, part_of_set(30), arms, find_scorer("exact"))
    last = list(run.steps(early=True))[-1]
    assert last.results is not None
    assert len(last.results.items) == last.results.total
    assert "not in the catalogue" in last.results.missing["gone"]


def test_what_is_known_is_not_put_together_round_by_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, items = service(tmp_path), part_of_set(40)
    every = [replace(arm, key=f"{arm.key} {number}") for number in (1, 2) for arm in plain()[:1]]
    list(Run(here.evaluator.engine, None, items, tuple(every[:1]), find_scorer("exact")).steps(early=False))
    monkeypatch.setattr("microscope.evaluation.run.TELL_SECONDS", 10**6)
    counted = []
    results = Tally.results

    def watched(self: Tally, *given: object) -> object:
        counted.append(1)
        return results(self, *given)

    monkeypatch.setattr(Tally, "results", watched)
    last = list(Run(here.evaluator.engine, None, items, tuple(every), find_scorer("exact")).steps(early=True))[-1]
    assert (last.computed, last.done) == (0, last.total)
    # One for each arm as it is opened, and one at the end, whatever the number of rounds.
    assert len(counted) == 3


def test_what_was_answered_before_a_refusal_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microscope.evaluation.calls.KEEP_TOGETHER", 10**6)
    monkeypatch.setattr("microscope.evaluation.calls.KEEP_SECONDS", 10**6)
    run = Door.run

    def ending(self: Door, name: str, payload: tuple) -> object:
        answered = 0
        for update in run(self, name, payload):
            answered += isinstance(update[1], Answered)
            yield update
            if answered == 6:
                raise UserError("Your GPU quota for today is used up.")

    monkeypatch.setattr(Door, "run", ending)
    last = steps(tmp_path, 4, 1)[-1]
    assert last.results is not None
    assert (len(last.results.items), last.done, last.computed) == (6, 6, 6)
    assert "quota for today" in last.message
