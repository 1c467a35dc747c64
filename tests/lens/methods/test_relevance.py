"""Relevance is the relevancy of the target's tokens, and points at the evidence of a model that was trained."""

from __future__ import annotations

import torch

from microscope.lens.methods.base import MOST_BACKWARDS, Context
from microscope.lens.methods.relevance import METHOD
from microscope.lens.relevancy import relevancy
from microscope.lens.rows import taught
from tests.lens.looking import Scene, Sights, hits


def test_it_is_the_mean_of_its_tokens_relevancy(sights: Sights) -> None:
    sight = sights("qwen3_vl")
    context = sight.context()
    expected = relevancy(sight.subject(), [0, 1, 2, 3]).carried
    (whole,), (one,) = METHOD.maps(context, None), METHOD.maps(context, 2)
    assert torch.allclose(whole.values, expected.mean(0), rtol=1e-5)
    assert torch.allclose(one.values, expected[2], rtol=1e-5)
    assert context.subject.backwards == 4


def test_a_long_answer_is_stood_for_by_a_few_tokens(sights: Sights) -> None:
    sight = sights("gemma3")
    subject = sight.subject(tuple(range(40, 50)))
    context = Context(subject, sight.blank, sight.layout, taught(subject)[1])
    list(METHOD.maps(context, None))
    assert context.subject.backwards == MOST_BACKWARDS
    other = next(token for token in range(10) if token not in context.chosen(None, MOST_BACKWARDS))
    list(METHOD.maps(context, other))
    assert context.subject.backwards == MOST_BACKWARDS + 1


def test_it_points_at_the_evidence_where_chance_does_not(scenes: tuple[Scene, ...]) -> None:
    assert hits("relevance", scenes) >= 8
    assert hits("random", scenes) <= 4
