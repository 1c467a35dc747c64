"""Results made up for tests: as many items, images and arms as asked for, with the scores given or drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from microscope.evaluation.results import Arm, ArmAnswers, ArmFacts, ImageFacts, Results, SetFacts
from microscope.records import Box, GenerationSettings, Item

KINDS = ("name", "where", "left", "count", "exists")
QUESTIONS = (
    "which object is white?",
    "where is the square?",
    "which is further left?",
    "how many are there?",
    "is it red?",
)
FACTS = ArmFacts("abc123", "weights-1", "float32", "cpu", "eager", (("torch", "2.13.0"), ("transformers", "5.23.0")))


def items(count: int, per_image: int = 5) -> tuple[Item, ...]:
    """Return items about images that have the same number of questions each."""
    return tuple(
        Item(
            id=f"item-{number:05}",
            image=f"image-{number // per_image:05}.png",
            question=QUESTIONS[number % 5],
            answers=("one two" if number % 3 else "one",),
            kind=KINDS[number % 5],
            evidence=(Box(0.1, 0.1, 0.5, 0.5),) * (number % 3),
            tags=("crowded", f"light:{'dim' if number % 2 else 'bright'}") if number % 4 == 0 else (),
        )
        for number in range(count)
    )


def arm(number: int, **changes: object) -> Arm:
    """Return an arm: a step of a training run."""
    step = 1000 * (number + 1)
    made = Arm(f"step-{step}", f"step-{step}", f"step {step}", GenerationSettings(), run="scenes", step=step)
    return replace(made, **changes)


def results(
    scores: np.ndarray | Sequence[Sequence[float]],
    *,
    per_image: int = 5,
    arms: Sequence[Arm] | None = None,
    failures: Sequence[dict[int, str]] | None = None,
    strictness: tuple[np.ndarray, np.ndarray] | None = None,
    total: int | None = None,
) -> Results:
    """Return results with normal scores of shape (n, K); strict and lenient ones are the same unless given."""
    matrix = np.asarray(scores, np.float64)
    count, columns = matrix.shape
    strict, lenient = strictness or (matrix, matrix)
    made = tuple(arms or [arm(number) for number in range(columns)])
    images = -(-count // per_image)
    failed = failures or [{} for _ in made]
    return Results(
        set=SetFacts("scenes", "d" * 64, count, 0),
        items=items(count, per_image),
        clusters=np.arange(count) // per_image,
        images=tuple(
            ImageFacts(f"{number:064x}", 100 + number % 7, 100 + number % 3 * 40) for number in range(images)
        ),
        scorer="exact",
        answers=tuple(_answers(one, matrix[:, column], failed[column]) for column, one in enumerate(made)),
        scores=np.stack([strict, matrix, lenient]),
        parsed=np.ones((count, columns), bool),
        total=count if total is None else total,
        order=np.arange(count),
    )


def _answers(one: Arm, scores: np.ndarray, failures: dict[int, str]) -> ArmAnswers:
    count = len(scores)
    texts = ["" if row in failures else "one" if score >= 0.5 else "two" for row, score in enumerate(scores)]
    addresses = tuple(f"{row:060x}{(one.step or 0) % 10000:04}" for row in range(count))
    return ArmAnswers(one, FACTS, tuple(texts), failures, frozenset(), addresses, np.full(count, 3))


def drawn(count: int, means: Sequence[float], *, per_image: int = 5, seed: int = 0) -> np.ndarray:
    """Return 0/1 scores of shape (count, K) with these means, in which the questions of an image agree."""
    generator = np.random.default_rng(seed)
    image = generator.normal(0, 0.5, -(-count // per_image)).repeat(per_image)[:count]
    item = generator.normal(0, 1, count)
    noise = generator.normal(0, 0.7, (count, len(means)))
    value = image[:, None] + item[:, None] + noise
    ranks = np.argsort(np.argsort(value, axis=0), axis=0)
    return (ranks >= np.rint(count * (1 - np.asarray(means)))).astype(np.float64)


def shuffled(whole: Results, seed: int = 1) -> Results:
    """Return the same results with items, clusters and failures in another order."""
    rows = np.random.default_rng(seed).permutation(len(whole.items))
    names = np.random.default_rng(seed + 1).permutation(len(whole.images))
    back = np.argsort(names)
    place = {int(row): new for new, row in enumerate(rows)}
    answers = tuple(
        replace(
            one,
            texts=tuple(one.texts[row] for row in rows),
            failures={place[row]: one.failures[row] for row in sorted(one.failures, reverse=True)},
            cut=frozenset(place[row] for row in one.cut),
            addresses=tuple(one.addresses[row] for row in rows),
            tokens=one.tokens[rows],
        )
        for one in whole.answers
    )
    return replace(
        whole,
        items=tuple(whole.items[row] for row in rows),
        clusters=back[whole.clusters[rows]],
        images=tuple(whole.images[name] for name in names),
        answers=answers,
        scores=whole.scores[:, rows],
        parsed=whole.parsed[rows],
        order=whole.order[rows],
    )
