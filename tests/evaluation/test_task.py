"""The task declares what a stack is expected to take."""

from __future__ import annotations

from pathlib import Path

from microscope.engine.batch.asks import Answered, Done, Unanswered
from microscope.engine.build import Workshop
from microscope.engine.generate import Finished
from microscope.engine.pace import Pace
from microscope.engine.processors import Processors
from microscope.engine.using import Queued
from microscope.evaluation.task import EVALUATE, evaluation_task
from tests.evaluation.service import part_of_set, service
from tests.evaluation.test_course import course_of
from tests.keeping import models_of


def test_more_prompts_are_declared_longer_and_a_known_pace_counts(tmp_path: Path) -> None:
    course = course_of(service(tmp_path), part_of_set(10))
    pace = Pace("cpu")
    task = evaluation_task(Workshop(models_of(), Processors(), pace, 0))
    few, many = course.stack(range(4))[0], course.stack(range(40))[0]
    assert task.name == EVALUATE
    assert task.seconds((few,)) < task.seconds((many,)) < task.seconds((few, many))
    before = task.seconds((many,))
    pace.observe_items(course.local.spec.key, 10, 0.01)
    assert task.seconds((many,)) < before


def test_the_failure_of_a_whole_task_is_a_sentence(tmp_path: Path) -> None:
    number, failed = evaluation_task(Workshop(models_of(), Processors(), Pace("cpu"), 0)).failed("No GPU.")
    assert (number, failed.message) == (-1, "No GPU.")


def test_an_answered_prompt_is_an_answer_and_waiting_is_no_work() -> None:
    task = evaluation_task(Workshop(models_of(), Processors(), Pace("cpu"), 0))
    assert task.finishes((0, Answered(0, (1,), (0.0,), Finished("end", 0.1, 0.2))))
    assert not task.finishes((0, Unanswered(0, "It is too long.")))
    assert not task.finishes((0, Done()))
    assert task.waits((0, Queued(1, 2.0)))
