"""Evaluates sets of items: plans a run, and runs it; knows no page.

The answer store is the cache, and the cache is the result: whatever ends a run, the next one takes up at the item.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from microscope.engine.build import Engine
from microscope.errors import UserError
from microscope.evaluation.items.base import ItemSet
from microscope.evaluation.keeping import Keeper
from microscope.evaluation.planning import plan_of
from microscope.evaluation.progress import Plan, Progress
from microscope.evaluation.results import Arm
from microscope.evaluation.run import Run
from microscope.evaluation.scoring import find_scorer


@dataclass(frozen=True)
class Evaluator:
    """Plans and runs evaluations; made once, before launch. `keeper` answers with a part of the image tokens."""

    engine: Engine
    keeper: Keeper | None = None

    def plan(self, items: ItemSet, arms: Sequence[Arm], scorer: str) -> Plan:
        """Return what a run would be, without running anything or asking any network."""
        check_arms(arms)
        find_scorer(scorer)
        return plan_of(self.engine, items, arms, self.keeper)

    def run(self, items: ItemSet, arms: Sequence[Arm], scorer: str, *, early: bool = False) -> Iterator[Progress]:
        """Yield progress until all arms have answered all items; one arm's failure leaves the others.

        Closing the iterator stops it; what was answered is kept, and the next run takes it up. With `early`, pictures
        come in a random order, and the run stops as soon as every arm is decided against the first.
        """
        check_arms(arms)
        yield from Run(self.engine, self.keeper, items, tuple(arms), find_scorer(scorer)).steps(early=early)


def check_arms(arms: Sequence[Arm]) -> None:
    """Refuse a run without arms, or with two of one key, by a `UserError`."""
    if not arms:
        raise UserError("Choose at least one checkpoint to evaluate.")
    keys = [arm.key for arm in arms]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise UserError(f"{twice} is there twice; name each checkpoint once.")
