"""A whole evaluator for tests: real engine, door and store, on the embedded checkpoints and a part of their set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from microscope.catalog.spec import Catalog, ModelSpec
from microscope.engine.answers import Answerer
from microscope.engine.build import Engine, Workshop, answer_task
from microscope.engine.files import Fetcher
from microscope.engine.gpu import Door
from microscope.engine.offered import Offered
from microscope.engine.pace import Pace
from microscope.engine.processors import Processors
from microscope.evaluation.ablation import arms_of
from microscope.evaluation.evaluator import Evaluator
from microscope.evaluation.items.base import ItemSet
from microscope.evaluation.items.reading import digest_items, embedded_set
from microscope.evaluation.keeping import Keeper
from microscope.evaluation.progress import Progress
from microscope.evaluation.results import Arm
from microscope.evaluation.task import evaluation_task
from microscope.hardware import Machine, Tier
from microscope.records import GenerationSettings, Picture
from microscope.storage.answers import AnswerStore
from tests.families import spec_of
from tests.keeping import models_of

ASSETS = Path(__file__).parents[2] / "assets"
SETTINGS = GenerationSettings(max_new_tokens=16)


def checkpoint(step: int, **fields: object) -> ModelSpec:
    """Return an embedded checkpoint."""
    return spec_of(ASSETS / "checkpoints" / f"scenes-step-{step}", run="scenes", step=step, **fields)


SPECS = tuple(checkpoint(step) for step in (300, 2000, 6000))


@dataclass
class Counting:
    """Pictures that count how often each was read."""

    under: object
    reads: list[str] = field(default_factory=list)

    def read(self, name: str) -> Picture:
        self.reads.append(name)
        return self.under.read(name)


def part_of_set(images: int, items: ItemSet | None = None) -> ItemSet:
    """Return the shipped set with its first images alone."""
    whole = items or embedded_set(ASSETS / "evalset")
    names = list(dict.fromkeys(item.image for item in whole.items))[:images]
    chosen = tuple(item for item in whole.items if item.image in names)
    kept = {name: whole.images[name] for name in names}
    facts = replace(whole.facts, rows=len(chosen), digest=digest_items(chosen, kept))
    return replace(whole, facts=facts, items=chosen, images=kept, pictures=Counting(whole.pictures))


@dataclass(frozen=True)
class Service:
    """An evaluator, and how many prompts went through its door."""

    evaluator: Evaluator
    asked: list[int]

    def run(self, items: ItemSet, arms: Sequence[Arm], *, early: bool = False) -> Progress:
        """Run to the end and return the last progress."""
        return list(self.evaluator.run(items, arms, "exact", early=early))[-1]


def service(folder: Path, specs: Sequence[ModelSpec] = SPECS, keeper: Keeper | None = None) -> Service:
    """Return an evaluator over checkpoints on the CPU; what is answered is kept under a folder."""
    models, pace, processors, asked = models_of(), Pace("cpu"), Processors(), []
    shop = Workshop(models, processors, pace, 0)
    task = evaluation_task(shop)

    def counted(*given: object) -> object:
        asked.extend(len(stack.prompts) for stack in given[1])
        return task.run(*given)

    door = Door(models, (answer_task(shop), replace(task, run=counted)))
    store = AnswerStore(folder / "answers", 10**7)
    offered = Offered(Catalog(tuple(specs)))
    answerer = Answerer(offered, Fetcher(), processors, models, door, store, pace)
    machine = Machine("cpu", Tier("local-cpu"), 10**10, 0, 2, "test", "float32")
    engine = Engine(offered, machine, models, answerer, pace, 0)
    return Service(Evaluator(engine, keeper), asked)


def plain(specs: Sequence[ModelSpec] = SPECS, settings: GenerationSettings = SETTINGS) -> tuple[Arm, ...]:
    """Return an arm for each checkpoint."""
    return arms_of(specs, settings)
