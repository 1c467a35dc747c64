"""What image tokens draw in the vision tower is what its attention matrices say, or it is not told at all."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch

from microscope.lens.layout import Cell, Layout, View
from microscope.lens.vision import _by_cell, vision_attention
from microscope.records import Box
from tests.lens.looking import Sight, Sights, eager_copy

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

# Whether a token of the whole picture comes before the patches.
TOLD = {"idefics3": 0, "smolvlm": 0, "llava": 1, "internvl": 1, "paligemma": 0, "gemma3": 0}


@torch.no_grad()
def matrices(sight: Sight) -> list[torch.Tensor]:
    """Return the attention matrices of the tower's layers, each (pictures, heads, queries, keys)."""
    model, found = eager_copy(sight.model), list[torch.Tensor]()
    text = set(model.get_decoder().modules())

    def keep(_module: torch.nn.Module, _inputs: Any, out: Any) -> None:
        weights = out[1] if isinstance(out, tuple) and len(out) > 1 else None
        if isinstance(weights, torch.Tensor) and weights.dim() == 4:
            found.append(weights)

    for module in model.modules():
        if module not in text and "Attention" in type(module).__name__:
            module.register_forward_hook(keep)
    model(**sight.inputs)
    return found


@pytest.mark.parametrize("name", TOLD)
def test_what_patches_draw_is_summed_by_token(name: str, sights: Sights) -> None:
    sight, before = sights(name), TOLD[name]
    weights = matrices(sight)[-2]
    drawn = weights.mean((1, 2))[:, before:]
    expected, number = [], 0
    for one, view in zip(drawn, sight.layout.views, strict=True):
        side = round((len(one) / (view.rows * view.columns)) ** 0.5)
        patches = one.reshape(view.rows * side, view.columns * side)
        for row in range(view.rows):
            for column in range(view.columns):
                expected.append(
                    float(patches[row * side : (row + 1) * side, column * side : (column + 1) * side].sum())
                )
                number += 1
    found = vision_attention(sight.subject(), sight.layout)
    assert found is not None
    assert found.shape == (len(sight.positions),) == (number,)
    assert np.allclose(found, expected, rtol=1e-4)
    assert np.ptp(found) > 1e-4 * found.max()
    if not before:
        # Nothing of a picture's attention is lost.
        assert found.sum() == pytest.approx(len(sight.layout.views), rel=1e-4)


def test_patches_in_a_row_are_summed_in_the_order_of_their_tokens(
    sights: Sights, monkeypatch: pytest.MonkeyPatch
) -> None:
    sight, weights = sights("qwen3_vl"), list[torch.Tensor]()
    module = sys.modules[type(sight.model).__module__]
    plain = module.eager_attention_forward

    def keep(*arguments: Any, **options: Any) -> Any:
        out = plain(*arguments, **options)
        weights.append(out[1])
        return out

    monkeypatch.setattr(module, "eager_attention_forward", keep)
    with torch.no_grad():
        eager_copy(sight.model).model.get_image_features(sight.inputs["pixel_values"], sight.inputs["image_grid_thw"])
    monkeypatch.undo()
    assert len(weights) == sight.model.config.vision_config.depth
    drawn = weights[-2].mean((1, 2))[0]
    assert len(drawn) == 4 * len(sight.positions)
    found = vision_attention(sight.subject(), sight.layout)
    assert found is not None
    assert np.allclose(found, drawn.reshape(-1, 4).sum(1).numpy(), rtol=1e-4)


@pytest.mark.parametrize("name", ["qwen2_5_vl", "llava_next", "llava_onevision", "florence2"])
def test_where_patches_cannot_be_told_apart_nothing_is_told(name: str, sights: Sights) -> None:
    sight = sights(name)
    assert vision_attention(sight.subject(), sight.layout) is None


@pytest.mark.parametrize("name", ["llava", "qwen3_vl"])
def test_it_comes_with_the_pass_that_is_needed_anyway(name: str, sights: Sights) -> None:
    sight = sights(name)
    subject = sight.subject()
    vision_attention(subject, sight.layout)
    assert (subject.forwards, subject.vision) == (1, 1)
    assert torch.allclose(subject.plain, torch.tensor(sight.logprobs), atol=1e-4)
    assert subject._batchable
    assert sight.model.config.vision_config._attn_implementation == "sdpa"


def test_a_tower_of_matrices_is_heard_as_well(sights: Sights) -> None:
    sight = sights("llava")
    other = Sight(**{**vars(sight), "model": eager_copy(sight.model)})
    found, expected = (vision_attention(one.subject(), one.layout) for one in (other, sight))
    assert found is not None
    assert expected is not None
    assert np.allclose(found, expected, rtol=1e-4)


def test_rows_that_go_on_through_tiles_are_not_told_however_they_fit() -> None:
    # Four square tiles, as many patches as tokens: nothing but the order of the tokens is amiss.
    halves = [Box(x, y, x + 0.5, y + 0.5) for y in (0, 0.5) for x in (0, 0.5)]
    views = tuple(View("tiles", box, 2, 2, 8, 8) for box in halves)
    boxes = [Box(x / 4, y / 4, (x + 1) / 4, (y + 1) / 4) for y in range(4) for x in range(4)]
    cells = tuple(Cell(number, box, "tiles") for number, box in enumerate(boxes))
    received = torch.rand(4, 4, generator=torch.Generator().manual_seed(0))
    assert _by_cell(received, Layout(cells, views, Box(0, 0, 1, 1), "by hand"), flat=False) is None
