"""Opens arms: the specification that an arm runs under, and its files, processor and addresses."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from microscope.catalog.spec import ModelSpec
from microscope.engine.batch.desk import Desk
from microscope.engine.build import Engine
from microscope.engine.fetching import fetching
from microscope.evaluation.course import Course
from microscope.evaluation.items.base import ItemSet
from microscope.evaluation.keeping import Keeper
from microscope.evaluation.results import ROUNDED, Arm


def spec_of(engine: Engine, arm: Arm) -> ModelSpec:
    """Return the specification that an arm runs under; a checkpoint that is not in the catalogue is a `UserError`."""
    return _under(engine.answerer.spec_of(arm.checkpoint), arm)


def known_spec(engine: Engine, arm: Arm) -> ModelSpec | None:
    """Return the specification that an arm runs under, None where its checkpoint is not in the catalogue."""
    spec = engine.catalog.get(arm.checkpoint)
    return None if spec is None else _under(spec, arm)


def _under(spec: ModelSpec, arm: Arm) -> ModelSpec:
    return spec if arm.precision in ("auto", *ROUNDED) else replace(spec, dtype=arm.precision)


def open_arm(
    engine: Engine, items: ItemSet, arm: Arm, keeper: Keeper | None
) -> Generator[tuple[int, int], None, Course]:
    """Yield the bytes of a download, done and in all, if there is one; return the arm's course, addresses found."""
    answerer = engine.answerer
    local = yield from fetching(answerer.fetcher, spec_of(engine, arm), lambda done, total: (done, total))
    course = Course(arm, items, local, Desk(local, answerer.processors.get(local)))
    course.locate(answerer, keeper)
    return course
