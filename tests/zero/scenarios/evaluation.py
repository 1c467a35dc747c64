"""A run over a set on ZeroGPU: what goes through the door in how many calls, and how a run takes up another."""

from __future__ import annotations

from dataclasses import replace

from microscope.engine.build import Engine
from microscope.evaluation.ablation import arms_of
from microscope.evaluation.evaluator import Evaluator
from microscope.evaluation.items.base import ColumnMap, ItemSet
from microscope.evaluation.results import ImageFacts, SetFacts
from microscope.records import AnswerRequest, GenerationSettings, Item, Picture
from tests.zero.checkpoints import picture
from tests.zero.stage import Stage

SETTINGS = GenerationSettings(max_new_tokens=5)
QUESTIONS = ("how many objects are there?", "where is the nine?", "what colour is the square?")


class Pictures:
    """Two pictures: one, and the same upside down."""

    def read(self, name: str) -> Picture:
        one = picture()
        return one if name == "one" else replace(one, rgb=one.rgb[: len(one.rgb) // 2] + bytes(len(one.rgb) // 2))


def play(engine: Engine, stage: Stage) -> None:
    """Play all steps, after launch."""
    run(engine, stage)
    again(engine, stage)
    refuse(engine, stage)


def items() -> ItemSet:
    """Return six questions about two pictures."""
    pictures = Pictures()
    listed = tuple(
        Item(f"{name}-{number}", name, question, ("two",))
        for name in ("one", "other")
        for number, question in enumerate(QUESTIONS)
    )
    images = {
        name: ImageFacts(pictures.read(name).digest, pictures.read(name).width, pictures.read(name).height)
        for name in ("one", "other")
    }
    return ItemSet(SetFacts("six", "0" * 64, 6), listed, pictures, images, (), ColumnMap(), "exact")


def run(engine: Engine, stage: Stage) -> None:
    """Run two checkpoints, one of which is not packed, and compare each answer with its own alone."""
    stage.api.cool()
    plan = Evaluator(engine).plan(items(), arms(engine, "step-1", "late"), "exact")
    stage.report("evaluation, plan", quota=plan.quota_seconds, known=plan.known)
    stage.report("evaluation, run", **follow(engine, stage, "step-1", "late"))
    asked = items()
    alone = {}
    for key in ("step-1", "late"):
        request = AnswerRequest(asked.pictures.read("other"), QUESTIONS[1], (key,), replace(SETTINGS, seed=1))
        alone[key] = list(engine.answerer.stream(request))[-1].text
    stage.report("evaluation, alone", texts=alone)


def again(engine: Engine, stage: Stage) -> None:
    """Run once more: everything is known."""
    stage.report("evaluation, known", **follow(engine, stage, "step-1", "late"))


def refuse(engine: Engine, stage: Stage) -> None:
    """Run a checkpoint that cannot be loaded beside one that can."""
    stage.report("evaluation, beside a failure", **follow(engine, stage, "damaged", "step-2"))


def arms(engine: Engine, *keys: str) -> tuple:
    """Return an arm for each checkpoint."""
    return arms_of([engine.answerer.spec_of(key) for key in keys], SETTINGS)


def follow(engine: Engine, stage: Stage, *keys: str) -> dict[str, object]:
    """Return what came of a run: texts, what it said, calls to the platform."""
    calls = len(stage.api.calls())
    last = list(Evaluator(engine).run(items(), arms(engine, *keys), "exact"))[-1]
    found = last.results
    return {
        "texts": {one.arm.key: list(one.texts) for one in found.answers} if found else {},
        "ways": [one.facts.way for one in found.answers] if found else [],
        "missing": list(found.missing) if found else [],
        "counts": [last.computed, last.reused],
        "calls": [[call.path, call.parameters] for call in stage.api.calls(since=calls)],
    }
