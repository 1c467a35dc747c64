"""A small set, its results and what they say, and an evaluator that answers at once: nothing here needs a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from microscope.evaluation.analysis import (
    Analysis,
    Effect,
    Estimate,
    Mark,
    Moment,
    Options,
    Pair,
    Slice,
    Timeline,
    Trait,
)
from microscope.evaluation.items.base import ColumnMap, ItemSet, Problem
from microscope.evaluation.progress import Plan, Progress
from microscope.evaluation.results import Arm, ArmAnswers, ArmFacts, ImageFacts, Results, SetFacts
from microscope.records import GenerationSettings, Item, Picture

# A label that would be markup, were it not escaped.
NASTY = "<b>step & 2000</b>"
FACTS = ArmFacts("main", "abc", "float32", "cpu", "sdpa", (("torch", "2"),), "one by one")
KINDS = ("colour", "count")


class FlatPictures:
    """Pictures of one colour each, by their name's number."""

    def read(self, name: str) -> Picture:
        """Return a picture of eight by eight pixels."""
        shade = int(name.partition(".")[0]) * 7 % 256
        return Picture(8, 8, bytes([shade, 128, 255 - shade]) * 64)


def item_set(images: int = 10, questions: int = 4, problems: tuple[Problem, ...] = ()) -> ItemSet:
    """Return a set with so many images and so many questions about each."""
    pictures = FlatPictures()
    names = [f"{number}.png" for number in range(images)]
    items = tuple(
        Item(f"{name}-{number}", name, f"question {number}?", ("yes",), KINDS[number % 2], tags=("easy",))
        for name in names
        for number in range(questions)
    )
    facts = {name: ImageFacts(pictures.read(name).digest, 8, 8) for name in names}
    refused = sum(problem.refused for problem in problems)
    told = SetFacts("sample", "0" * 64, len(items) + refused, refused)
    columns = ColumnMap("picture", "question", "answer", guessed=("image",))
    return ItemSet(told, items, pictures, facts, problems, columns, "exact")


def arm(key: str, label: str = "", step: int | None = None) -> Arm:
    """Return a column of a result."""
    return Arm(key, key, label or key, GenerationSettings(max_new_tokens=8), run="scenes", step=step)


def results_of(items: ItemSet, arms: Sequence[Arm], count: int | None = None, seed: int = 0) -> Results:
    """Return the results of the first `count` items; each arm is right more often than the one before it."""
    done = items.items[: len(items.items) if count is None else count]
    random = np.random.default_rng(seed)
    names = list(items.images)
    right = random.random((len(items.items), len(arms)))[: len(done)] < np.linspace(0.4, 0.9, len(arms))
    answers = tuple(
        ArmAnswers(
            one,
            FACTS,
            tuple("yes" if good else "no" for good in right[:, column]),
            {},
            frozenset(),
            tuple(f"{one.key}-{place}" for place in range(len(done))),
            np.full(len(done), 3),
        )
        for column, one in enumerate(arms)
    )
    return Results(
        items.facts,
        done,
        np.array([names.index(item.image) for item in done]),
        tuple(items.images.values()),
        items.scorer,
        answers,
        np.repeat(right[None].astype(np.float32), 3, 0),
        np.ones(right.shape, bool),
        len(items.items),
        np.arange(len(done)),
    )


def analysis_of(**changes: Any) -> Analysis:
    """Return an analysis of two steps of a run that has everything in it."""
    low, high = Estimate(0.55, 0.4, 0.69), Estimate(0.8, 0.66, 0.89)
    gain = Estimate(0.25, 0.1, 0.4)
    made = Analysis(
        n=40,
        images=10,
        binary=True,
        verdict=f"{NASTY} is better than step 300 by 25.0 points (10.0 to 40.0).",
        sentences=("They differ on 14 of 40 items.",),
        method="Intervals are clustered by image (CR3) with Student's t.",
        warnings=("Only 10 images: intervals are wide.",),
        outcome="better",
        marks=(
            Mark("a", "step 300", low, 0.07, 0.5, 0.6, 0.05, 2, 1, 0.57, "a", 40),
            Mark("b", NASTY, high, 0.05, 0.75, 0.85, 0.0, 0, 0, 0.8, "b", 40),
        ),
        pairs=(
            Pair(
                *("a", "b", gain, 0.06, 0.0021, 0.0042),
                separated=True,
                detectable=0.182,
                more_items=None,
                fixed=12,
                broken=2,
                h=0.54,
                dz=0.45,
                d=None,
                design_effect=1.4,
                mcnemar=None,
                sign_flip=0.004,
                inferior_by=-0.12,
                outcome="better",
            ),
        ),
        overall=None,
        slices=(
            Slice("kind", NASTY, (1, 3), 2, (low, high), Estimate(-0.1, -0.3, 0.1), 0.3),
            Slice("kind", "colour", tuple(range(0, 40, 2)), 10, (low, high), gain, 0.01),
        ),
        timelines=(
            Timeline(
                "scenes",
                (Moment("a", 300, low, separated_from_best=True), Moment("b", 2000, high, separated_from_best=False)),
                "b",
                "Step 2000 is recommended: no other step is better.",
            ),
        ),
        traits=(Trait("a", "kind: colour", 20, 0.6, 0.3, Estimate(0.3, 0.1, 0.5), 0.02),),
        effects=(Effect("budget", gain, 0.01, 0.02, "More pixels help."),),
        options=Options(),
    )
    return replace(made, **changes)


def anybody(*_: object) -> bool:
    """Judge that whoever asks is the owner."""
    return True


def nobody(*_: object) -> bool:
    """Judge that whoever asks is a visitor."""
    return False


def ignore(*_: object) -> None:
    """Take what is told, and do nothing about it."""


PLAN = Plan(40, 10, 2, 80, 30, 95.0, None, 0.051, 0.2, 1.5, ("Few images: intervals will be wide.",))


@dataclass
class FakeEvaluator:
    """Answers in steps of ten items; remembers what it was asked, and whether it was closed before the end."""

    known: int = 0
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    closed: bool = False
    scorer: str = ""

    def plan(self, items: ItemSet, arms: Sequence[Arm], scorer: str) -> Plan:
        """Return a plan of the right size."""
        self.scorer = scorer
        count = len(items.items)
        answers = count * len(arms)
        return replace(
            PLAN,
            items=count,
            images=len(items.images),
            arms=len(arms),
            answers=answers,
            known=min(self.known, answers),
        )

    def run(self, items: ItemSet, arms: Sequence[Arm], scorer: str, *, early: bool = False) -> Iterator[Progress]:
        """Yield a step for every ten items."""
        self.asked.append((items, tuple(arms), scorer, early))
        count, total = len(items.items), len(items.items) * len(arms)
        self.closed = True
        for done in range(0, count, 10):
            found = results_of(items, arms, done) if done else None
            yield Progress(done * len(arms), total, 0, 3.0, arms[0].key, "", found)
        self.closed = False
        yield Progress(total, total, 0, None, results=results_of(items, arms), over=True)
