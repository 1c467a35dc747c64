"""Greyed pixels are what the answer loses window by window, as a loop by hand finds it."""

from __future__ import annotations

import pytest
import torch
from captum.attr import Occlusion

from microscope.lens.methods.occlusion import METHOD, SIDE
from microscope.lens.methods.pixels import PixelAnswer, token_values, window
from microscope.lens.subject import Subject
from tests.lens.looking import Scene, Sights, hits


@torch.no_grad()
def by_hand(answer: PixelAnswer, shape: tuple[int, ...], stride: tuple[int, ...]) -> torch.Tensor:
    """Return, for every pixel, the mean loss of the windows over it; the last of a row reaches its end."""
    pixels, blank = answer.pixels[0], answer.blank[0]
    plain = float(answer(answer.pixels))
    lost, count = torch.zeros_like(pixels), torch.zeros_like(pixels)
    starts = [
        sorted({*range(0, max(0, size - length) + 1, move), max(0, size - length)})
        for size, length, move in zip(pixels.shape, shape, stride, strict=True)
    ]
    for corner in torch.cartesian_prod(*(torch.tensor(each) for each in starts)).tolist():
        there = tuple(slice(start, start + length) for start, length in zip(corner, shape, strict=True))
        greyed = pixels.clone()
        greyed[there] = blank[there]
        lost[there] += plain - float(answer(greyed[None]))
        count[there] += 1
    return lost / count


@pytest.mark.parametrize("name", ["llava", "gemma3", "qwen2_5_vl", "internvl"])
def test_it_is_what_a_loop_by_hand_finds(name: str, sights: Sights) -> None:
    context = sights(name).context()
    answer = PixelAnswer(context, 0)
    expected = token_values(context, by_hand(answer, *window(context, SIDE))).clamp(min=0)
    *_, found = METHOD.maps(context, 0)
    assert torch.allclose(found.values, expected, atol=1e-6 * answer.pixels[0].numel() / len(expected))
    assert float(found.values.max()) > 0


def test_captum_finds_the_same_where_windows_fit(sights: Sights) -> None:
    context = sights("gemma3").context()
    answer = PixelAnswer(context, None)
    shape, stride = window(context, SIDE)
    lost = Occlusion(answer).attribute(
        answer.pixels, sliding_window_shapes=shape, strides=stride, baselines=answer.blank, perturbations_per_eval=4
    )
    *_, found = METHOD.maps(context, None)
    expected = token_values(context, lost[0]).clamp(min=0)
    assert torch.allclose(found.values, expected, rtol=1e-3, atol=1e-5 * answer.pixels[0].numel() / len(expected))


def test_it_can_be_stopped_and_bounded(sights: Sights, monkeypatch: pytest.MonkeyPatch) -> None:
    context = sights("llava").context()
    monkeypatch.setattr(Subject, "batch", 4)
    steps = METHOD.maps(context, None)
    first = next(steps)
    assert (first.done, first.total) == (4, 36)
    steps.close()
    context.steps = 10
    *_, found = METHOD.maps(context, None)
    assert found.total <= 10
    assert float(found.values.max()) > 0


def test_no_more_windows_go_together_than_there_is_room_for(sights: Sights, monkeypatch: pytest.MonkeyPatch) -> None:
    context, sizes = sights("gemma3").context(), list[int]()
    *_, expected = METHOD.maps(context, None)
    monkeypatch.setattr(Subject, "batch", 2)
    hook = context.subject.model.register_forward_pre_hook(
        lambda _module, _arguments, options: sizes.append(len(options["input_ids"])), with_kwargs=True
    )
    *_, found = METHOD.maps(context, None)
    hook.remove()
    assert max(sizes) == 2
    assert torch.allclose(found.values, expected.values, atol=1e-4)


def test_a_token_without_a_place_has_no_value(sights: Sights) -> None:
    sight = sights("florence2")
    *_, found = METHOD.maps(sight.context(), None)
    assert sight.layout.cells[0].box is None
    assert float(found.values[0]) == 0
    assert float(found.values.max()) > 0


def test_it_points_at_the_evidence(scenes: tuple[Scene, ...]) -> None:
    assert hits("occlusion", scenes[:6]) >= 5
