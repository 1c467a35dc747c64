"""Greyed pixels are what the answer loses window by window, as a loop by hand finds it."""

from __future__ import annotations

import pytest
import torch

from microscope.lens.methods.occlusion import METHOD, SIDE
from microscope.lens.methods.pixels import PixelAnswer, token_values, window
from microscope.lens.subject import Subject
from tests.lens.looking import Scene, Sights, hits


@torch.no_grad()
def by_hand(answer: PixelAnswer, shape: tuple[int, ...], stride: tuple[int, ...]) -> torch.Tensor:
    """Return, for every pixel, the mean loss of the windows over it; the last of a row may reach over the edge."""
    pixels, blank = answer.pixels[0], answer.blank[0]
    plain = float(answer(answer.pixels))
    lost, count = torch.zeros_like(pixels), torch.zeros_like(pixels)
    starts = [
        [step for step in range(0, size, move) if step == 0 or step - move + length < size]
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
    (found,) = METHOD.maps(context, 0)
    assert torch.allclose(found.values, expected, atol=1e-6 * answer.pixels[0].numel() / len(expected))
    assert float(found.values.max()) > 0


def test_no_more_windows_go_together_than_there_is_room_for(sights: Sights, monkeypatch: pytest.MonkeyPatch) -> None:
    context, sizes = sights("gemma3").context(), list[int]()
    (expected,) = METHOD.maps(context, None)
    monkeypatch.setattr(Subject, "batch", 2)
    hook = context.subject.model.register_forward_pre_hook(
        lambda _module, _arguments, options: sizes.append(len(options["input_ids"])), with_kwargs=True
    )
    (found,) = METHOD.maps(context, None)
    hook.remove()
    assert max(sizes) == 2
    assert torch.allclose(found.values, expected.values, atol=1e-4)


def test_a_token_without_a_place_has_no_value(sights: Sights) -> None:
    sight = sights("florence2")
    (found,) = METHOD.maps(sight.context(), None)
    assert sight.layout.cells[0].box is None
    assert float(found.values[0]) == 0
    assert float(found.values.max()) > 0


def test_it_points_at_the_evidence(scenes: tuple[Scene, ...]) -> None:
    assert hits("occlusion", scenes[:6]) >= 5
