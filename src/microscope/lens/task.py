"""The lens's task for the door, with what it is expected to take; knows no request."""

from __future__ import annotations

from microscope.engine.answers import EVERY_JOB
from microscope.engine.build import Workshop
from microscope.engine.gpu import Task
from microscope.engine.using import Failed, waits
from microscope.lens.asks import Ask, Explain, Look, Over, Read, Reject, Score, Study
from microscope.lens.faithful import FRACTIONS, RANDOM_ORDERS
from microscope.lens.findings import EVIDENCE
from microscope.lens.methods import find_method
from microscope.lens.stripes import STRIPES
from microscope.lens.work import LensWork

LENS = "lens"
# A backward pass in forward passes; what an answer's probabilities with and without the picture take.
BACKWARD = 2
PLAIN_AND_BLANK = 3
# The prompt that the pace of a pass is told for.
PROMPT = 1000


def lens_task(shop: Workshop) -> Task:
    """Return the task that looks inside."""

    def seconds(studies: tuple[Study, ...]) -> int:
        work = [shop.work(study.local, _new_tokens(study)) for study in studies]
        pairs = zip(studies, work, strict=True)
        more = sum(_passes(study) * shop.pace.pass_seconds(part) for study, part in pairs)
        return shop.pace.declared(tuple(work), shop.packed, more)

    def finishes(item: tuple[int, object]) -> bool:
        return isinstance(item[1], Over)

    run = LensWork(shop.processors).run
    return Task(LENS, run, seconds, lambda message: (EVERY_JOB, Failed(message)), finishes, waits)


def passes(ask: Ask) -> float:
    """Return about how many passes over the prompt an ask takes, beside the answers that it generates."""
    chance, badge = 1 + RANDOM_ORDERS * 2 * len(FRACTIONS), 2 * len(FRACTIONS)
    if isinstance(ask, Look):
        each = sum(find_method(key).passes for key in ask.methods) + badge * len(ask.methods)
        return PLAIN_AND_BLANK + chance + each + (badge * len(ask.methods) + BACKWARD) * ask.relevant
    if isinstance(ask, Explain):
        return PLAIN_AND_BLANK + badge + (0 if ask.chance is not None else chance) + _steps(ask)
    return len(ask.answers) if isinstance(ask, Score) else PLAIN_AND_BLANK


def _steps(ask: Explain) -> int:
    method = find_method(ask.method)
    return method.passes if ask.steps is None or method.tier != EVIDENCE else min(method.passes, ask.steps)


def _passes(study: Study) -> float:
    """Return how many passes over a prompt of a thousand tokens a study takes."""
    measuring = 2 * (2 * STRIPES + 1) if study.layout is None else 0
    foreseen = max((len(ask.answer) for ask in study.asks if isinstance(ask, Explain | Reject | Read)), default=0)
    length = study.inputs["input_ids"].shape[1] + max(foreseen, study.settings.max_new_tokens)
    return (measuring + sum(passes(ask) for ask in study.asks)) * max(1.0, length / PROMPT)


def _new_tokens(study: Study) -> int:
    """Return the most tokens that a study generates: another answer without tokens, and one without pixels."""
    answers = sum(1 if isinstance(ask, Look) else 2 for ask in study.asks if isinstance(ask, Look | Reject))
    return answers * study.settings.max_new_tokens
