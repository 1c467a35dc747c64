"""The control is random, the same for the same seed, and points nowhere."""

from __future__ import annotations

from dataclasses import replace

import torch

from microscope.lens.methods.control import METHOD
from tests.lens.looking import Scene, Sights, hits


def test_the_same_seed_and_token_give_the_same_map(sights: Sights) -> None:
    context = sights("llava").context()
    (one,), (again,) = (METHOD.maps(each, None) for each in (context, replace(context)))
    assert torch.equal(one.values, again.values)
    (token,), (seed,) = METHOD.maps(context, 0), METHOD.maps(replace(context, seed=5), None)
    assert not torch.equal(one.values, token.values)
    assert not torch.equal(one.values, seed.values)
    assert 0 <= float(one.values.min()) < 0.2
    assert 0.8 < float(one.values.max()) < 1


def test_it_asks_the_model_nothing_and_finds_nothing(scenes: tuple[Scene, ...], sights: Sights) -> None:
    context = sights("llava").context()
    before = context.subject.forwards
    list(METHOD.maps(context, None))
    assert context.subject.forwards == before
    # Evidence is about a tenth of these pictures.
    assert hits("random", scenes) <= 4
