"""An arm is opened under its own precision, with its addresses found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.evaluation.ablation import arms_of
from microscope.evaluation.course import Course
from microscope.evaluation.opening import open_arm, spec_of
from microscope.evaluation.results import Arm
from tests.evaluation.service import SETTINGS, SPECS, Service, part_of_set, plain, service


def opened(here: Service, arm: Arm) -> Course:
    opening = open_arm(here.evaluator.engine, part_of_set(1), arm, None)
    while True:
        try:
            next(opening)
        except StopIteration as end:
            return end.value


def test_precision_is_the_specification_s_dtype_and_part_of_the_address(tmp_path: Path) -> None:
    here = service(tmp_path)
    single, half = arms_of(SPECS[2:], SETTINGS, {"precision": ("float32", "bfloat16")})
    engine = here.evaluator.engine
    assert [spec_of(engine, arm).dtype for arm in (plain()[2], single, half)] == ["float32", "float32", "bfloat16"]
    first, second = opened(here, single), opened(here, half)
    assert len(set(first.addresses) | set(second.addresses)) == 2 * len(first.addresses)


def test_rounded_weights_answer_under_addresses_of_their_own_and_leave_the_model_as_it_was(tmp_path: Path) -> None:
    here, items = service(tmp_path), part_of_set(6)
    last = here.run(items, arms_of(SPECS[2:], SETTINGS, {"precision": ("int4", "auto", "int8")}))
    assert last.results is not None
    assert [answers.facts.dtype for answers in last.results.answers] == [
        "float32, weights rounded to int4",
        "float32",
        "float32, weights rounded to int8",
    ]
    addresses = [address for answers in last.results.answers for address in answers.addresses]
    assert len(set(addresses)) == 3 * len(items.items)
    four, whole, eight = last.results.answers
    # Four bits change more than eight do.
    logprobs = [
        here.evaluator.engine.answerer.store.get(one.addresses[0]).tokens[0].logprob for one in (whole, eight, four)
    ]
    assert 0 < abs(logprobs[1] - logprobs[0]) < abs(logprobs[2] - logprobs[0])
    # What ran between two that are rounded answers as ever.
    alone = service(tmp_path / "alone").run(items, plain()[2:]).results
    assert alone is not None
    assert alone.answers[0].texts == last.results.answers[1].texts


def test_a_half_precise_arm_runs_beside_the_other(tmp_path: Path) -> None:
    here, items = service(tmp_path), part_of_set(3)
    last = here.run(items, arms_of(SPECS[2:], SETTINGS, {"precision": ("float32", "bfloat16")}))
    assert last.results is not None
    assert [answers.facts.dtype for answers in last.results.answers] == ["float32", "bfloat16"]
    assert last.results.matrix.mean(0).min() > 0.8


def test_a_checkpoint_that_left_the_catalogue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not in the catalogue"):
        opened(service(tmp_path), replace(plain()[0], checkpoint="gone"))
