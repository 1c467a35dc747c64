"""Draws test questions from a split of the digits, as many of each kind; knows no model and no score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from microscope.tiny.questions import ASKERS, Question, ask
from microscope.tiny.scenes import Scene, sample_scene

QUESTION_KINDS = tuple(ASKERS)
SPLITS = ("heldout", "train")


@dataclass(frozen=True)
class DrawnItem:
    """One question about a scene of its own."""

    scene: Scene
    question: Question


def draw_items(split: str, n: int, seed: int) -> Iterator[DrawnItem]:
    """Yield `n` questions, the kinds in turn, each about a new scene of `split` (one of SPLITS).

    A scene that allows no question of the kind whose turn it is gives way to another one. The same split and seed
    give the same questions, and a smaller `n` the first of them.
    """
    rng = np.random.default_rng(seed)
    for number in range(n):
        kind = QUESTION_KINDS[number % len(QUESTION_KINDS)]
        question = None
        while question is None:
            scene = sample_scene(rng, split)
            question = ask(rng, scene.objects, kind)
        yield DrawnItem(scene, question)
