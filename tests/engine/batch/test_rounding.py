"""Weights are rounded to the nearest level, and are themselves again afterwards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
import torch

from microscope.engine.batch.rounding import GROUP, round_to, rounded
from tests.engine.conftest import Loaded


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("inputs", [2 * GROUP, 96])
def test_no_weight_moves_further_than_half_a_level(bits: int, inputs: int) -> None:
    weight = torch.randn(7, inputs, generator=torch.Generator().manual_seed(0))
    found = round_to(weight, bits)
    group = GROUP if bits == 4 and inputs % GROUP == 0 else inputs
    parts, moved = weight.reshape(7, -1, group), (found - weight).reshape(7, -1, group).abs()
    level = parts.abs().amax(-1, keepdim=True) / (2 ** (bits - 1) - 1)
    assert bool((moved <= level / 2 * 1.0001).all())
    assert all(len(row.unique()) <= 2**bits - 1 for row in found.reshape(-1, group))
    assert torch.equal(round_to(found, bits), found) or torch.allclose(round_to(found, bits), found, atol=1e-6)


def test_nothing_but_zeros_stays_so() -> None:
    assert not round_to(torch.zeros(2, 4), 8).any()


def test_a_model_is_itself_again_whatever_happens(loaded: Callable[..., Loaded]) -> None:
    model = loaded("idefics3").model
    head = model.get_output_embeddings().weight
    before = {name: value.data_ptr() for name, value in model.named_parameters()}
    linear = next(module for module in model.modules() if isinstance(module, torch.nn.Linear))
    original = linear.weight.clone()
    with suppress(RuntimeError), rounded(model, 4):
        assert not torch.equal(linear.weight, original)
        assert model.get_output_embeddings().weight is head
        raise RuntimeError
    assert {name: value.data_ptr() for name, value in model.named_parameters()} == before
    assert torch.equal(linear.weight, original)
    with rounded(model, 0):
        assert torch.equal(linear.weight, original)
