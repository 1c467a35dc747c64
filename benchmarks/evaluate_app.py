"""Answers a set's questions as the app does when it evaluates: its own run, with nothing in its store."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory

from evaluate_loop import NEW_TOKENS, Subject, Taken, Watch

from microscope.catalog.build import build_catalog
from microscope.engine.build import build_engine
from microscope.evaluation.evaluator import Evaluator
from microscope.evaluation.items.base import ItemSet
from microscope.evaluation.items.reading import embedded_set
from microscope.evaluation.results import Arm, Results
from microscope.evaluation.task import evaluation_task
from microscope.hardware import detect
from microscope.records import GenerationSettings
from microscope.settings import Settings

PLACE = "cpu", "float32"


@dataclass(frozen=True)
class App:
    """An engine that holds the checkpoint, and the set; seeds change no greedy answer, and make the store miss."""

    evaluator: Evaluator
    items: ItemSet
    key: str
    seeds: Iterator[int]

    def answer_all(self) -> Taken:
        """Run the set once; the clock stops when the results are there, with all scores."""
        watch = Watch()
        results = self._run(self.items)
        seconds, processor = watch.read()
        [answers] = results.answers
        if (answers.facts.device, answers.facts.dtype) != PLACE:
            raise RuntimeError(f"the app answered on {answers.facts.device} in {answers.facts.dtype}, not on {PLACE}")
        return Taken(seconds, seconds, processor, answers.texts, float(results.matrix.mean()))

    def warm(self) -> None:
        """Answer one question, so that the checkpoint is loaded."""
        self._run(replace(self.items, items=self.items.items[:1]))

    def _run(self, items: ItemSet) -> Results:
        settings = GenerationSettings(NEW_TOKENS, seed=next(self.seeds))
        arm = Arm(self.key, self.key, self.key, settings, precision=PLACE[1])
        for progress in self.evaluator.run(items, (arm,), "exact"):
            if progress.over and progress.results is not None and not progress.reused:
                return progress.results
        raise RuntimeError(f"the app's run gave no fresh results: {progress.message}")


@contextmanager
def opened(subject: Subject) -> Iterator[App]:
    """Build the engine as the app does, with the one checkpoint, load that, and read and check the set."""
    with TemporaryDirectory() as data:
        environ = {"MICROSCOPE_MODELS": str(subject.checkpoint), "MICROSCOPE_DATA": data, "HF_HUB_OFFLINE": "1"}
        settings = Settings.from_environment(environ)
        machine = detect(settings.platform)
        engine = build_engine(settings, machine, build_catalog(settings, machine), (evaluation_task,))
        found = embedded_set(subject.folder)
        items = replace(found, items=found.items[: len(subject.items)])
        app = App(Evaluator(engine), items, engine.catalog.specs[0].key, itertools.count())
        app.warm()
        yield app
