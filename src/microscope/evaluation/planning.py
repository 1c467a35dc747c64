"""What a run would be before it runs: what is known already, what the rest costs, and what the set could see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microscope.engine.batch.desk import Desk
from microscope.engine.build import Engine, expected_bytes
from microscope.engine.pace import Work
from microscope.errors import UserError
from microscope.evaluation.course import CALL_SECONDS, Course
from microscope.evaluation.items.base import ItemSet
from microscope.evaluation.keeping import Keeper
from microscope.evaluation.opening import spec_of
from microscope.evaluation.progress import Plan
from microscope.evaluation.results import Arm
from microscope.evaluation.statistics import FEW, FEWEST_FOR_P, detectable_before

# Two checkpoints of one run disagree on about so many items, and questions about one image are about so alike: what
# is assumed where nothing was measured yet.
DISAGREEMENT, ALIKE = 0.2, 0.1
# Of larger sets, what is known is looked up for so many items, spread evenly.
LOOKED_UP = 2_000
# What an answer takes in the store, about.
ANSWER_BYTES = 1_000


def plan_of(engine: Engine, items: ItemSet, arms: Sequence[Arm], keeper: Keeper | None = None) -> Plan:
    """Return the plan of a run; downloads nothing, and what cannot be looked up counts as not known."""
    count = len(items.items)
    pictures = len({items.images[item.image].digest for item in items.items})
    known = [round(_known_share(engine, items, arm, keeper) * count) for arm in arms]
    seconds = [_seconds(engine, arm, count - had) for arm, had in zip(arms, known, strict=True)]
    effect = 1 + (count / pictures - 1) * ALIKE
    return Plan(
        items=count,
        images=pictures,
        arms=len(arms),
        answers=count * len(arms),
        known=sum(known),
        seconds=sum(seconds),
        quota_seconds=_quota(engine, seconds) if engine.zero else None,
        detectable=detectable_before(count, DISAGREEMENT, effect),
        disagreement=DISAGREEMENT,
        design_effect=effect,
        warnings=tuple(_warnings(engine, count, pictures, arms)),
    )


def _known_share(engine: Engine, items: ItemSet, arm: Arm, keeper: Keeper | None) -> float:
    answerer = engine.answerer
    try:
        local = answerer.fetcher.without_network().fetch(spec_of(engine, arm))
        course = Course(arm, items, local, Desk(local, answerer.processors.get(local)))
    except UserError:
        # Its files are not here, or not whole: the run will say why.
        return 0.0
    count = len(items.items)
    numbers = np.unique(np.linspace(0, count - 1, min(count, LOOKED_UP)).astype(int)).tolist()
    course.locate(answerer, keeper, numbers)
    return course.recall(answerer, numbers) / len(numbers)


def _seconds(engine: Engine, arm: Arm, count: int) -> float:
    if not count:
        return 0.0
    spec = spec_of(engine, arm)
    bytes_ = expected_bytes(spec, engine.models.dtype)
    load = not any(spec.key in model.names for model in engine.models.cache.snapshot().models)
    work = Work(spec.key, bytes_, load, arm.settings.max_new_tokens)
    # With a part of the tokens, each item is looked at and answered again, alone.
    each = engine.pace.seconds((work,)) * 4 if arm.keep is not None else engine.pace.item_seconds(work)
    return engine.pace.load_seconds(work) + count * each


def _quota(engine: Engine, seconds: Sequence[float]) -> int:
    """Return what ZeroGPU is asked for: every call declares its time with a margin."""
    asked = 0
    for one in seconds:
        calls, rest = divmod(one, CALL_SECONDS)
        parts = [CALL_SECONDS] * int(calls) + ([rest] if rest else [])
        asked += sum(engine.answerer.door.asks(engine.pace.declared((), engine.packed_bytes, part)) for part in parts)
    return asked


def _warnings(engine: Engine, count: int, pictures: int, arms: Sequence[Arm]) -> list[str]:
    found = []
    if pictures < FEWEST_FOR_P:
        found.append(
            f"The set has {pictures} different image{'s' if pictures > 1 else ''}; under {FEWEST_FOR_P} no test can "
            "tell checkpoints apart."
        )
    elif pictures < FEW:
        found.append(f"The set has {pictures} different images; with so few only large differences can be told.")
    need, room = count * len(arms) * ANSWER_BYTES, engine.answerer.store.max_bytes
    if need > room:
        found.append(
            f"The answers take about {need / 1e6:.0f} MB, and {room / 1e6:.0f} MB are kept; an interrupted run would "
            "have to repeat the first ones. MICROSCOPE_ANSWERS_BYTES raises it."
        )
    return found
