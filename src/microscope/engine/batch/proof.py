"""Finds out on a checkpoint's own prompts how they may go together: the quickest way that answers the same."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

import torch
from transformers import PreTrainedModel

from microscope.engine.batch.asks import ALONE, PREFIXED, SHARED, TOGETHER, WAYS, Proved, Stack, Way
from microscope.engine.batch.collate import MISFITS
from microscope.engine.batch.rows import COMPANY, Company
from microscope.engine.generate import Together
from microscope.engine.memory import is_out_of_memory

log = logging.getLogger(__name__)

# How far batches may move a score for rounding alone, in units of the dtype's precision, and the margin over what was
# seen to move on the proof.
ROUNDINGS, MARGIN = 16, 8
# More than this is no rounding, nor more than so many square roots of the dtype's precision.
MOST_DRIFT, ROOTS = 0.5, 16
REASONS = {
    PREFIXED: "going on behind a picture changed answers",
    SHARED: "sharing what pictures were encoded to changed answers",
    TOGETHER: "batches answered otherwise than each question alone",
}


class Calls(Protocol):
    """Has a model answer prompts."""

    model: PreTrainedModel
    stack: Stack

    def possible(self, how: str) -> bool:
        """Tell whether a way is worth trying."""
        ...

    def scarce(self, how: str) -> bool:
        """Tell whether questions had better come picture by picture."""
        ...

    def call(self, batch: list[int], way: Way, company: Company | None = None) -> tuple[Together, ...]:
        """Answer some prompts at once, in their order."""
        ...


def prove(caller: Calls, numbers: list[int], alone: Sequence[Together]) -> Proved:
    """Return the quickest way in which these prompts are answered as each was alone.

    Answers may part where two tokens are as likely as each other but for rounding; such ones are made again alone.
    """
    why = ""
    for how in WAYS:
        if how == ALONE or not caller.possible(how):
            continue
        # Rows end one after another, so that each time the others go on without one.
        staggered = Company(1.0, tuple(range(1, len(numbers))))
        for company in (staggered, COMPANY):
            found = tried(caller, numbers, Way(how), company)
            lead = None if found is None else _lead(caller.model, alone, found, company)
            if lead is not None:
                shrinks, scarce = company is staggered, caller.scarce(how)
                return Proved(Way(how, lead, shrinks, why, caller.stack.most, by_picture=scarce))
        why = REASONS[how]
    return Proved(Way(ALONE, why=why))


def tried(caller: Calls, numbers: list[int], way: Way, company: Company | None = None) -> tuple[Together, ...] | None:
    """Return the answers to prompts at once, None where they do not fit together; that memory ran out is raised."""
    try:
        return caller.call(numbers, way, company)
    except MISFITS as error:
        if is_out_of_memory(error):
            raise
        log.info("%d prompts do not go %s: %s", len(numbers), way.how, error)
        return None


def _lead(
    model: PreTrainedModel, alone: Sequence[Together], found: Sequence[Together], company: Company
) -> float | None:
    """Return the lead under which an answer hangs on rounding; None where the answers are not the same."""
    precision = torch.finfo(model.dtype).eps
    drift = max(_drift(one, other) for one, other in zip(alone, found, strict=True))
    lead = max(ROUNDINGS * precision, MARGIN * drift)
    limits = (*company.limits, *(None for _ in alone))
    differ = any(_differ(one, other, limit, lead) for one, other, limit in zip(alone, found, limits, strict=False))
    return None if differ or drift > min(MOST_DRIFT, ROOTS * precision**0.5) else lead


def _differ(one: Together, other: Together, limit: int | None, lead: float) -> bool:
    """Tell whether answers part within a limit where they do not hang on rounding."""
    first, second = one.ids[:limit], other.ids[:limit]
    return first != second and other.leads[_common(first, second)] >= lead


def _drift(one: Together, other: Together) -> float:
    """Return by how much log-probabilities differ as far as both answers are the same."""
    common = _common(one.ids, other.ids)
    pairs = zip(one.logprobs[:common], other.logprobs[:common], strict=True)
    return max((abs(first - second) for first, second in pairs), default=0.0)


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many tokens two answers have in common from the start."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (first, second) in enumerate(pairs) if first != second), min(len(one), len(other)))
