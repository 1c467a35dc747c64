"""The three heads are those that look at the picture, and at few places of it."""

from __future__ import annotations

import torch

from microscope.lens.methods.base import Context
from microscope.lens.methods.heads import METHOD
from tests.lens.looking import Scene, Sights, hits


def test_the_least_spread_of_those_that_look_at_the_picture_are_taken(sights: Sights) -> None:
    sight = sights("gemma3")
    rows = torch.full((1, 2, 4, 16), 0.02)
    # These look hardly at the picture, and at one place of it.
    rows[0, 0, :2] = 0
    rows[0, 0, :2, 3] = 0.01
    # These three look at it, at two places, at three, and at four.
    for number, places in enumerate(((5, 6), (7, 8, 9), (10, 11, 12, 13))):
        head = rows[0, 1, number]
        head.zero_()
        head[list(places)] = 0.9 / len(places)
    context = Context(sight.subject((40,)), sight.blank, sight.layout, rows)
    (found,) = METHOD.maps(context, None)
    assert torch.allclose(found.values, rows[0, 1, :3].mean(0))
    assert found.values.nonzero().flatten().tolist() == list(range(5, 14))


def test_heads_are_chosen_for_each_token(sights: Sights) -> None:
    sight = sights("gemma3")
    rows = torch.full((2, 2, 4, 16), 0.001)
    rows[0, 0, :3, 1] = rows[1, 1, :3, 2] = 0.8
    context = Context(sight.subject((40, 41)), sight.blank, sight.layout, rows)
    best = [int(next(iter(METHOD.maps(context, token))).values.argmax()) for token in (0, 1)]
    assert best == [1, 2]


def test_heads_that_see_nothing_give_nothing(sights: Sights) -> None:
    sight = sights("gemma3")
    context = Context(sight.subject((40,)), sight.blank, sight.layout, torch.zeros(1, 2, 4, 16))
    (found,) = METHOD.maps(context, None)
    assert found.values.tolist() == [0] * 16


def test_they_point_at_the_evidence(scenes: tuple[Scene, ...]) -> None:
    assert hits("heads", scenes) >= 8
