"""Holds a candidate against what answers now, on a set of items; decides nothing and offers nobody anything.

It goes the way of every evaluation, in calls of seconds that wait their turn behind visitors, and what it computes is
kept like every answer: the next gate has the answers of the current checkpoint already, and so has a switch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from microscope.catalog.spec import Catalog, ModelSpec
from microscope.engine.build import Engine
from microscope.errors import UserError
from microscope.evaluation.ablation import arms_of
from microscope.evaluation.analyse import analyse
from microscope.evaluation.analysis import Options
from microscope.evaluation.evaluator import Evaluator
from microscope.evaluation.items.base import ItemSet
from microscope.evaluation.results import Results
from microscope.serve.hotswap import words
from microscope.serve.hotswap.record import Judgement

# (answers done, in all); False where nobody wants to know any more.
Tell = Callable[[int, int], bool]


@dataclass(frozen=True)
class Gate:
    """Judges candidates on a set; the `margin` is what a candidate may be worse by, as a score."""

    items: ItemSet
    margin: float

    @property
    def asked(self) -> tuple[str, float]:
        """Return what is asked of a candidate here, to tell whether it was asked before."""
        return self.items.facts.digest, self.margin

    def judge(self, engine: Engine, current: ModelSpec, candidate: ModelSpec, tell: Tell) -> Judgement:
        """Return what the set says of a candidate; a `UserError` where it cannot be told at all, or is stopped.

        Both answer under the current one's settings. The two need different keys.
        """
        own = engine.offering(Catalog((current, candidate)))
        arms = arms_of((current, candidate), current.generation)
        results: Results | None = None
        message = ""
        steps = Evaluator(own).run(self.items, arms, self.items.scorer)
        try:
            for step in steps:
                results, message = step.results or results, step.message
                if not tell(step.done, step.total):
                    raise UserError(words.STOPPED)
        finally:
            if close := getattr(steps, "close", None):
                close()
        return self._judged(results, message, current.key)

    def _judged(self, results: Results | None, message: str, baseline: str) -> Judgement:
        if results is None or results.missing:
            raise UserError(" ".join(results.missing.values()) if results is not None else message)
        found = analyse(results, Options(baseline=baseline, margin=self.margin))
        (pair,) = found.pairs
        return Judgement(
            outcome=found.outcome,
            set=self.items.facts.name,
            digest=self.items.facts.digest,
            n=found.n,
            images=found.images,
            difference=pair.difference.value,
            low=pair.difference.low,
            high=pair.difference.high,
            margin=self.margin,
            verdict=found.verdict,
        )


def contender(spec: ModelSpec, name: str) -> ModelSpec:
    """Return a candidate's specification beside the current one's: a key and a label of its own, and no pin."""
    short = name.rpartition(" ")[2]
    return replace(spec, key=f"{spec.key}@{short}", label=f"{spec.label} ({short})", pin=False)
