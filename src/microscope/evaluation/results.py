"""What a run over a set of items found: answers and scores, aligned by item; plain data that knows no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from microscope.records import GenerationSettings, Item

STRICT, NORMAL, LENIENT = "strict", "normal", "lenient"
# In the order of the first axis of `Results.scores`.
STRICTNESS = (STRICT, NORMAL, LENIENT)
PLAIN_TEMPLATE = "{question}"
# Precisions in which weights are rounded to so many bits, and computed with in the checkpoint's own dtype.
ROUNDED = {"int8": 8, "int4": 4}


@dataclass(frozen=True)
class ImageFacts:
    """A picture of a set: the SHA-256 of its size and pixels (`Picture.digest`), and its size in pixels."""

    digest: str
    width: int
    height: int


@dataclass(frozen=True)
class SetFacts:
    """Which set was run: its name, the SHA-256 of everything in it that decides a score, and its rows as they came.

    `refused` counts rows that could not be used; the validation report names each.
    """

    name: str
    digest: str
    rows: int
    refused: int = 0


@dataclass(frozen=True)
class Arm:
    """One column of a result: a checkpoint, with the settings that it answers under.

    `key` is unique in a run: the checkpoint's key, with the levels of what is varied where something is. `template`
    holds `{question}`; `keep` is the share of image tokens that the lens keeps (None: all); `precision` a dtype's name
    (`auto`: the checkpoint's own), or one of `ROUNDED`. `factors` are (factor, level) in an ablation. `run` and `step`
    are the catalogue's.
    """

    key: str
    checkpoint: str
    label: str
    settings: GenerationSettings
    template: str = PLAIN_TEMPLATE
    keep: float | None = None
    precision: str = "auto"
    factors: tuple[tuple[str, str], ...] = ()
    run: str | None = None
    step: int | None = None


@dataclass(frozen=True)
class ArmFacts:
    """What made an arm's answers: the checkpoint's revision, its weights' identity, and what it ran on.

    `way` says in a sentence how it was run: in batches, with pictures encoded once, or one by one and why.
    """

    revision: str
    weights: str
    dtype: str
    device: str
    attention: str
    versions: tuple[tuple[str, str], ...]
    way: str = ""


@dataclass(frozen=True)
class ArmAnswers:
    """An arm's answers, one for each item of the results in their order.

    `texts` are empty where an answer failed; `failures` has the sentence by item number. `cut` are the numbers of
    items whose answer reached the most new tokens. `addresses` are content addresses, `tokens` counts, shape (n,).
    """

    arm: Arm
    facts: ArmFacts
    texts: tuple[str, ...]
    failures: Mapping[int, str]
    cut: frozenset[int]
    addresses: tuple[str, ...]
    tokens: np.ndarray


@dataclass(frozen=True)
class Results:
    """Answers of K arms to the same n items, with their scores.

    `clusters`, shape (n,), numbers the picture of each item by its pixels: equal pictures are one cluster, whatever
    they are called; `images` has each cluster's facts in that order. `scores`, shape (3, n, K) in [0, 1], are strict,
    normal and lenient; a failed answer scores 0 in all. `parsed`, shape (n, K), tells where the scorer could read an
    answer out of the text. `total` is how many items the set has: fewer than that are here while a run goes on, or
    where it was stopped. `order` has each item's number in the set. `missing` are arms that could not be run at all,
    by key, with the sentence that says why. `stopped_early` says why no more items were needed (empty: all were run).
    """

    set: SetFacts
    items: tuple[Item, ...]
    clusters: np.ndarray
    images: tuple[ImageFacts, ...]
    scorer: str
    answers: tuple[ArmAnswers, ...]
    scores: np.ndarray
    parsed: np.ndarray
    total: int
    order: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    missing: Mapping[str, str] = field(default_factory=dict)
    stopped_early: str = ""

    @property
    def matrix(self) -> np.ndarray:
        """Return the normal scores as float64, shape (n, K)."""
        return self.scores[STRICTNESS.index(NORMAL)].astype(np.float64)

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Return the arms in order."""
        return tuple(answers.arm for answers in self.answers)
