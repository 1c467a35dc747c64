"""What the lens asks the platform for grows with what it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from microscope.engine.answers import EVERY_JOB
from microscope.engine.build import Workshop
from microscope.engine.pace import Pace
from microscope.engine.processors import Processors
from microscope.engine.using import Failed, Queued
from microscope.lens.asks import Explain, Look, Over, Read, Reject, Score, Study
from microscope.lens.layout import Cell, Layout
from microscope.lens.task import LENS, lens_task, passes
from microscope.records import Box, GenerationSettings
from tests.families import local_of
from tests.keeping import models_of

LAYOUT = Layout((Cell(1, None, "newline"), Cell(2, None, "newline")), (), Box(0, 0, 1, 1), "a family")
SETTINGS = GenerationSettings(max_new_tokens=16)


@pytest.fixture
def shop() -> Workshop:
    return Workshop(models_of(), Processors(), Pace("zero"), 0)


@pytest.fixture
def study(checkpoint: Callable[..., Path]) -> Study:
    local = local_of(checkpoint("llava"))
    inputs = {"input_ids": torch.zeros(1, 600, dtype=torch.long)}
    return Study(local, inputs, {}, (1, 2), LAYOUT, None, "what ?", SETTINGS, (Look(),))


def test_evidence_takes_more_passes_than_relevance_and_fewer_steps_take_fewer() -> None:
    relevance, evidence = Explain((1,), "relevance"), Explain((1,), "windows")
    assert passes(relevance) < passes(evidence)
    assert passes(replace(evidence, steps=16)) < passes(evidence)
    assert passes(Score(((1,),))) <= passes(Read((1,), 0)) < passes(relevance)
    assert passes(replace(relevance, chance=np.zeros((1, 1)))) < passes(relevance)
    assert passes(Look(relevant=1)) < passes(Look(relevant=4))
    assert passes(Look(("relevance",))) < passes(Look())


def test_the_declared_seconds_are_whole_and_grow(shop: Workshop, study: Study) -> None:
    task = lens_task(shop)
    assert task.name == LENS
    one, two = task.seconds((study,)), task.seconds((study, study))
    assert isinstance(one, int)
    assert one < two
    without = replace(study, asks=(Reject((1,), (0,), {}),))
    longer = replace(without, settings=replace(SETTINGS, max_new_tokens=600))
    assert task.seconds((without,)) < task.seconds((longer,))


def test_longer_prompts_and_boxes_to_measure_take_longer(shop: Workshop, study: Study) -> None:
    # On a CPU passes take longer than anything else.
    task = lens_task(replace(shop, pace=Pace("cpu")))
    long = replace(study, inputs={"input_ids": torch.zeros(1, 60_000, dtype=torch.long)})
    assert task.seconds((study,)) < task.seconds((long,)) < task.seconds((replace(long, layout=None),))


def test_a_score_generates_nothing(shop: Workshop, study: Study) -> None:
    score = replace(study, asks=(Score(((1,),)),))
    longer = replace(score, settings=replace(SETTINGS, max_new_tokens=600))
    assert lens_task(shop).seconds((score,)) == lens_task(shop).seconds((longer,))


def test_a_failure_of_the_whole_task_is_everybodys(shop: Workshop) -> None:
    assert lens_task(shop).failed("no GPU") == (EVERY_JOB, Failed("no GPU"))


def test_a_look_is_finished_when_it_is_over_and_waiting_is_no_work(shop: Workshop) -> None:
    task = lens_task(shop)
    assert task.finishes((0, Over()))
    assert not task.finishes((0, Failed("no GPU")))
    assert task.waits((0, Queued(1, 2.0)))
    assert not task.waits((0, Over()))
