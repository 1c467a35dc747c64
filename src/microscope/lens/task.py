"""The lens's task for the door, with what it is expected to take; knows no request."""

from __future__ import annotations

from microscope.engine.answering import Failed
from microscope.engine.answers import EVERY_JOB
from microscope.engine.build import Workshop
from microscope.engine.gpu import Task
from microscope.lens.asks import Ask, Explain, Look, Reject, Study
from microscope.lens.faithful import FRACTIONS, RANDOM_ORDERS
from microscope.lens.findings import EVIDENCE
from microscope.lens.methods import find_method
from microscope.lens.methods.rise import MASKS
from microscope.lens.work import LensWork

LENS = "lens"
# A backward pass in forward passes; what an answer's probabilities with and without the picture take.
BACKWARD = 2
PLAIN_AND_BLANK = 3


def lens_task(shop: Workshop) -> Task:
    """Return the task that looks inside."""

    def seconds(studies: tuple[Study, ...]) -> int:
        work = [shop.work(study.local, _new_tokens(study)) for study in studies]
        pairs = zip(studies, work, strict=True)
        more = sum(passes(ask) * shop.pace.pass_seconds(part) for study, part in pairs for ask in study.asks)
        return shop.pace.declared(tuple(work), shop.packed, more)

    return Task(LENS, LensWork(shop.processors).run, seconds, lambda message: (EVERY_JOB, Failed(message)))


def passes(ask: Ask) -> float:
    """Return about how many passes over the prompt an ask takes, beside the answers that it generates."""
    chance, badge = 1 + RANDOM_ORDERS * 2 * len(FRACTIONS), 2 * len(FRACTIONS)
    if isinstance(ask, Look):
        maps = len(ask.methods) * (1 + ask.relevant)
        return PLAIN_AND_BLANK + 1 + BACKWARD * ask.relevant + chance + badge * maps
    if isinstance(ask, Explain):
        steps = (ask.steps or MASKS) if find_method(ask.method).tier == EVIDENCE else 1 + BACKWARD
        return PLAIN_AND_BLANK + chance + badge + steps
    return PLAIN_AND_BLANK


def _new_tokens(study: Study) -> int:
    """Return the most tokens that a study generates: another answer without tokens, and one without pixels."""
    answers = sum(1 if isinstance(ask, Look) else 2 for ask in study.asks if isinstance(ask, Look | Reject))
    return answers * study.settings.max_new_tokens
