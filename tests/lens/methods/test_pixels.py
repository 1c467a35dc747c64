"""Pixels are summed by the tokens that they became, and a batch of pictures is answered as one at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from microscope.errors import UserError
from microscope.lens.layout import Layout
from microscope.lens.methods.pixels import PixelAnswer, check_cut, token_values, window
from tests.families import FAMILIES
from tests.lens.looking import Sights

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

# Their rows of tokens go on through several tiles, and their tiles may be padded.
ANYRES = ("llava_next", "llava_onevision")


@pytest.mark.parametrize("name", FAMILIES)
def test_a_batch_of_pictures_is_answered_as_one_at_a_time(name: str, sights: Sights) -> None:
    sight = sights(name)
    context = sight.context()
    answer = PixelAnswer(context, None)
    before = context.subject.forwards, context.subject.vision
    with torch.no_grad():
        found = answer(torch.cat([answer.pixels, answer.blank, answer.pixels]))
    assert (context.subject.forwards - before[0], context.subject.vision - before[1]) == (3, 3)
    plain, prior = context.subject.plain.mean().exp(), context.prior.mean().exp()
    assert found.tolist() == pytest.approx([float(plain), float(prior), float(plain)], rel=1e-4)
    assert float((plain - prior).abs() / plain) > 1e-4
    one = PixelAnswer(context, 1)
    with torch.no_grad():
        assert float(one(one.pixels)) == pytest.approx(float(context.subject.plain[1].exp()), rel=1e-4)


@pytest.mark.parametrize("name", [name for name in FAMILIES if name not in ANYRES])
def test_every_other_family_s_pixels_can_be_told_apart_by_token(name: str, sights: Sights) -> None:
    sight = sights(name)
    context = sight.context()
    check_cut(context)
    pixels = torch.rand(sight.inputs["pixel_values"].shape, generator=torch.Generator().manual_seed(0))
    found = token_values(context, pixels)
    assert found.shape == (len(sight.positions),)
    assert float(found.sum()) == pytest.approx(float(pixels.sum()), rel=1e-4)
    nowhere = [index for index, cell in enumerate(sight.layout.cells) if cell.box is None]
    assert found[nowhere].tolist() == [0] * len(nowhere)


@pytest.mark.parametrize("name", ["idefics3", "internvl", "paligemma"])
def test_a_token_has_the_pixels_of_its_place(name: str, sights: Sights) -> None:
    sight = sights(name)
    pixels = torch.zeros(sight.inputs["pixel_values"].shape)
    views = pixels.flatten(0, 1) if pixels.dim() == 5 else pixels
    number, last = len(sight.layout.views) - 1, sight.layout.views[-1]
    high, wide = views.shape[-2] // last.rows, views.shape[-1] // last.columns
    # The second token of the last view's second row.
    views[number, 0, high, wide] = 2
    views[number, 2, 2 * high - 1, 2 * wide - 1] = 3
    found = token_values(sight.context(), pixels)
    before = sum(view.rows * view.columns for view in sight.layout.views[:-1])
    expected = sight.layout.boxed[before + last.columns + 1]
    assert found.nonzero().flatten().tolist() == [expected]
    assert float(found[expected]) == pytest.approx(5)


@pytest.mark.parametrize("name", ANYRES)
def test_pixels_of_rows_that_go_on_through_tiles_are_not_told_apart(name: str, sights: Sights) -> None:
    with pytest.raises(UserError, match="which image token"):
        check_cut(sights(name).context())


def test_pixels_that_fill_no_patch_count_for_no_token(sights: Sights) -> None:
    sight = sights("llava")
    view = replace(sight.layout.views[0], width=62)
    context = replace(sight.context(), layout=replace(sight.layout, views=(view,)))
    found = token_values(context, torch.ones(1, 3, 64, 64))
    assert float(found.sum()) == pytest.approx(3 * 64 * 62)
    padded = replace(sight.layout, views=(replace(view, width=50),))
    with pytest.raises(UserError, match="which image token"):
        token_values(replace(context, layout=padded), torch.ones(1, 3, 64, 64))


def test_patches_in_a_row_belong_to_tokens_in_a_row(sights: Sights) -> None:
    sight = sights("qwen2_5_vl")
    pixels = torch.zeros(sight.inputs["pixel_values"].shape)
    pixels[4:8, 0] = 1
    pixels[8, 5] = 7
    found = token_values(sight.context(), pixels)
    assert found.nonzero().flatten().tolist() == [1, 2]
    assert found[1:3].tolist() == [4, 7]


def test_pixels_without_a_known_cut_are_told(sights: Sights) -> None:
    sight = sights("llava")
    context = replace(sight.context(), layout=Layout(sight.layout.cells, (), sight.layout.seen, "measured"))
    with pytest.raises(UserError, match="choose the hidden neighbourhoods instead"):
        check_cut(context)


def test_a_window_covers_so_many_cells(sights: Sights) -> None:
    assert window(sights("llava").context(), 3) == ((1, 3, 24, 24), (1, 3, 8, 8))
    assert window(sights("idefics3").context(), 3) == ((1, 1, 3, 48, 48), (1, 1, 3, 16, 16))
    width = sights("qwen2_5_vl").inputs["pixel_values"].shape[1]
    assert window(sights("qwen2_5_vl").context(), 3) == ((4, width), (4, width))
    assert window(sights("paligemma").context(), 99) == ((1, 3, 64, 64), (1, 3, 8, 8))
