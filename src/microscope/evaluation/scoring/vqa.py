"""The scorer of VQA: how many annotators gave the answer, three or more of ten being all of it."""

from __future__ import annotations

from microscope.evaluation.scoring.base import NORMAL, STRICT, Score, Scorer
from microscope.evaluation.scoring.official import official
from microscope.evaluation.scoring.prose import readings
from microscope.evaluation.scoring.text import bare
from microscope.records import Item

_ENOUGH = 3
_ANNOTATORS = 10


def accuracy(same: int, annotators: int) -> float:
    """Return the VQA accuracy of an answer that `same` of the annotators gave.

    With ten or more it is the mean over leaving one annotator out of min(same among the rest / 3, 1): .3, .6, .9 and
    1 for one to four of ten. With fewer it is min(same / 3, 1), and with one or two annotators the share of them, so
    that a right answer can always reach 1.
    """
    if annotators < _ANNOTATORS:
        return min(same / min(_ENOUGH, annotators), 1.0) if annotators else 0.0
    without_same = min(same, _ENOUGH) * (annotators - same)
    without_other = min(max(same - 1, 0), _ENOUGH) * same
    return (without_same + without_other) / (_ENOUGH * annotators)


def score(answer: str, item: Item, strictness: str) -> Score:
    """Return the VQA accuracy; strict compares verbatim, lenient also what a sentence states."""
    if strictness == STRICT:
        text = answer.strip()
        same = sum(reference.strip() == text for reference in item.answers)
    else:
        text = official(answer)
        same = sum(official(reference) == text for reference in item.answers)
        if strictness != NORMAL:
            said = readings(answer, item.answers)
            known = {official(reading) for reading in said} | {text}
            bares = {bare(reading) for reading in said}
            same = sum(official(one) in known or bare(one) in bares for one in item.answers)
    return Score(accuracy(same, len(item.answers)), parsed=same > 0 or bool(official(answer)))


SCORER = Scorer(
    key="vqa",
    label="VQA accuracy",
    note=(
        "How many of ten annotators gave the answer, four being all of it, after the official normalisation (VQA, "
        "Antol et al. 2015; lmms-eval, VLMEvalKit); with fewer than ten, min(n/3, 1), and with one or two their share."
    ),
    score=score,
    binary=False,
)
