"""The task of a run over a set for the door, with what it is expected to take; knows no item and no score."""

from __future__ import annotations

from microscope.engine.answers import EVERY_JOB
from microscope.engine.batch.asks import Answered, Stack
from microscope.engine.batch.work import answer_stacks
from microscope.engine.build import Workshop
from microscope.engine.gpu import Task
from microscope.engine.using import Failed, waits

EVALUATE = "evaluate"


def evaluation_task(shop: Workshop) -> Task:
    """Return the task that answers stacks of prompts."""

    def seconds(stacks: tuple[Stack, ...]) -> int:
        work = tuple(shop.work(stack.local, stack.settings.max_new_tokens) for stack in stacks)
        more = sum(
            shop.pace.load_seconds(part) + len(stack.prompts) * shop.pace.item_seconds(part)
            for part, stack in zip(work, stacks, strict=True)
        )
        return shop.pace.declared((), shop.packed, more)

    def finishes(item: tuple[int, object]) -> bool:
        return isinstance(item[1], Answered)

    return Task(EVALUATE, answer_stacks, seconds, lambda message: (EVERY_JOB, Failed(message)), finishes, waits)
