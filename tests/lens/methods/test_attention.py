"""Attention of the middle layers is its formula, and points at the evidence of a model that was trained."""

from __future__ import annotations

import pytest
import torch

from microscope.lens.methods.attention import METHOD
from microscope.lens.methods.base import Context
from tests.lens.looking import Scene, Sights, hits


@pytest.mark.parametrize("token", [None, 0, 2])
def test_it_is_the_middle_half_of_the_layers_beyond_a_blank_picture(token: int | None, sights: Sights) -> None:
    sight = sights("idefics3")
    real = sight.context()
    generator = torch.Generator().manual_seed(0)
    # Eight layers, of which the third to the sixth count.
    rows, nothing = (torch.rand(4, 8, 2, real.subject.cells, generator=generator) for _ in range(2))
    context = Context(real.subject, sight.blank, sight.layout, rows)
    context._blank_rows.update(enumerate(nothing))
    (found,) = METHOD.maps(context, token)
    expected = torch.zeros(real.subject.cells)
    tokens = range(4) if token is None else (token,)
    for one in tokens:
        for layer in (2, 3, 4, 5):
            for head in range(2):
                expected += (rows - nothing)[one, layer, head] / (len(tokens) * 8)
    assert torch.allclose(found.values, expected.clamp(min=0), atol=1e-6)
    assert float(found.values.min()) == 0
    assert real.subject.backwards == 0


def test_what_a_blank_picture_draws_as_well_is_no_finding(sights: Sights) -> None:
    context = sights("llava").context()
    context.known = context.blank_rows_of(range(len(context.subject.answer))).clone()
    (found,) = METHOD.maps(context, None)
    assert float(found.values.abs().max()) == 0


def test_it_points_at_the_evidence(scenes: tuple[Scene, ...]) -> None:
    assert hits("attention", scenes) >= 8
