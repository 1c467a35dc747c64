"""The gate says what a set says, on the way of every evaluation, and says nothing where it cannot be told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from microscope.catalog.spec import ModelSpec
from microscope.errors import UserError
from microscope.serve.hotswap.gate import Gate, contender
from microscope.serve.hotswap.words import STOPPED
from tests.evaluation.service import Service, checkpoint, part_of_set, service

WEAK, BEST = (checkpoint(step) for step in (300, 6000))


@pytest.fixture
def here(tmp_path: Path) -> Service:
    return service(tmp_path)


@pytest.fixture
def gate() -> Gate:
    return Gate(part_of_set(8), 0.05)


def always(_done: int, _total: int) -> bool:
    return True


@pytest.mark.parametrize(("current", "candidate", "outcome"), [(WEAK, BEST, "better"), (BEST, WEAK, "worse")])
def test_it_tells_better_from_worse_with_all_that_makes_it_honest(
    here: Service, gate: Gate, current: ModelSpec, candidate: ModelSpec, outcome: str
) -> None:
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> bool:
        told.append((done, total))
        return True

    found = gate.judge(here.evaluator.engine, current, candidate, tell)
    assert found.outcome == outcome
    assert (found.n, found.images, found.set, found.margin) == (len(gate.items.items), 8, "Embedded scenes", 0.05)
    assert (found.digest, found.margin) == gate.asked
    assert found.low is not None
    assert found.high is not None
    assert found.difference is not None
    assert found.low < found.difference < found.high
    assert (found.difference > 0) == (outcome == "better")
    assert outcome in found.verdict
    assert told[-1] == (2 * found.n, 2 * found.n)


def test_the_same_answers_are_not_worse_as_far_as_so_few_images_can_show(here: Service, gate: Gate) -> None:
    found = Gate(gate.items, 0.4).judge(here.evaluator.engine, BEST, replace(BEST, key="again"), always)
    assert (found.outcome, found.difference) == ("not worse", 0)


def test_too_small_a_set_cannot_tell(here: Service) -> None:
    assert Gate(part_of_set(3), 0.05).judge(here.evaluator.engine, WEAK, BEST, always).outcome == "cannot tell"


def test_nobody_is_offered_what_is_judged_and_the_answers_are_kept(here: Service, gate: Gate) -> None:
    engine = here.evaluator.engine
    offered = engine.catalog
    other = replace(BEST, key="beside", label="Beside")
    gate.judge(engine, WEAK, other, always)
    assert engine.catalog is offered
    asked = len(here.asked)
    gate.judge(engine, WEAK, other, always)
    assert len(here.asked) == asked


def test_what_cannot_be_opened_has_no_judgement_but_a_sentence(here: Service, gate: Gate, tmp_path: Path) -> None:
    gone = ModelSpec("gone", "Gone", str(tmp_path / "gone"), folder=True)
    with pytest.raises(UserError, match=r"Gone could not be evaluated: The folder .* of Gone is gone"):
        gate.judge(here.evaluator.engine, WEAK, gone, always)
    with pytest.raises(UserError, match="Gone could not be evaluated"):
        gate.judge(here.evaluator.engine, gone, WEAK, always)


def test_it_ends_when_nobody_wants_to_know(here: Service, gate: Gate) -> None:
    with pytest.raises(UserError, match=STOPPED):
        gate.judge(here.evaluator.engine, WEAK, BEST, lambda _done, _total: False)
    assert here.asked == []


def test_a_candidate_has_a_key_of_its_own_beside_the_one_that_answers() -> None:
    spec = replace(BEST, key="ours", label="Ours", pin=True)
    beside = contender(spec, "lab/run at abcdef0")
    assert (beside.key, beside.label, beside.pin) == ("ours@abcdef0", "Ours (abcdef0)", False)
    assert beside.source == spec.source
