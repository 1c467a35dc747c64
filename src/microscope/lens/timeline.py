"""The checkpoints of one run in order: what each answers, and which is best, with the reason; knows no page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from microscope.catalog.spec import Catalog, ModelSpec

# Within so small a part of the highest, a probability counts as the same: the earlier step is then the better one.
SAME = 0.01
NO_REFERENCE = "Type the right answer as reference, and the best step is marked."


@dataclass(frozen=True)
class Stage:
    """One checkpoint of a run: its step, its answer, and the reference answer's probability (None: no reference).

    The probability is the geometric mean over the reference's tokens, each after those before it.
    """

    key: str
    label: str
    step: int
    text: str = ""
    probability: float | None = None


def runs(catalog: Catalog) -> dict[str, tuple[ModelSpec, ...]]:
    """Return the checkpoints of each run that has several, by step; those without a step belong to none."""
    found: dict[str, list[ModelSpec]] = {}
    for spec in catalog.specs:
        if spec.run is not None and spec.step is not None:
            found.setdefault(spec.run, []).append(spec)
    return {run: tuple(sorted(specs, key=_step)) for run, specs in found.items() if len(specs) > 1}


def mean_probability(logprobs: Sequence[float]) -> float:
    """Return the geometric mean of probabilities, given by their natural logarithms."""
    return math.exp(sum(logprobs) / len(logprobs))


def best(stages: Sequence[Stage], reference: str) -> tuple[int | None, str]:
    """Return the index of the step that gives the reference the highest probability, and a sentence that says why.

    Of several as high, the first. None where no step was scored.
    """
    scored = [(stage.probability, number) for number, stage in enumerate(stages) if stage.probability is not None]
    if not scored:
        return None, NO_REFERENCE
    highest = max(probability for probability, _ in scored)
    probability, number = next(one for one in scored if one[0] >= highest * (1 - SAME))
    chosen = stages[number]
    why = f"step {chosen.step:,} gives “{reference}” the highest probability a token, {probability:.2g}"
    right = [stage.step for stage in stages if _same(stage.text, reference)]
    if not right:
        return number, f"Best: {why}; no step answers it."
    said = f"; the first step that answers it is {right[0]:,}" if right[0] != chosen.step else ", and answers it first"
    return number, f"Best: {why}{said}."


def _same(text: str, reference: str) -> bool:
    return text.strip().rstrip(".").casefold() == reference.strip().rstrip(".").casefold()


def _step(spec: ModelSpec) -> int:
    return spec.step or 0
