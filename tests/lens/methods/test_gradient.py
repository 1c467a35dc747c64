"""Gradient times attention is the answer's own row, and comes with the relevancy."""

from __future__ import annotations

import torch

from microscope.lens.methods import relevance
from microscope.lens.methods.gradient import METHOD
from microscope.lens.relevancy import relevancy
from tests.lens.looking import Scene, Sights, hits


def test_it_is_the_mean_of_its_tokens_rows(sights: Sights) -> None:
    sight = sights("internvl")
    context = sight.context()
    expected = relevancy(sight.subject(), [0, 1, 2, 3]).last_rows
    (whole,), (one,) = METHOD.maps(context, None), METHOD.maps(context, 1)
    assert torch.allclose(whole.values, expected.mean(0), rtol=1e-5)
    assert torch.allclose(one.values, expected[1], rtol=1e-5)


def test_it_costs_nothing_beside_the_relevancy(sights: Sights) -> None:
    context = sights("internvl").context()
    (other,) = relevance.METHOD.maps(context, None)
    passes = context.subject.forwards, context.subject.backwards
    (found,) = METHOD.maps(context, None)
    assert (context.subject.forwards, context.subject.backwards) == passes
    assert bool((other.values >= found.values - 1e-9).all())
    assert not torch.equal(other.values, found.values)


def test_it_points_at_the_evidence(scenes: tuple[Scene, ...]) -> None:
    assert hits("gradient", scenes) >= 8
