"""Integrated gradients are Captum's, add up to what the picture changed, and leave no gradient behind."""

from __future__ import annotations

import pytest
import torch
from captum.attr import IntegratedGradients

from microscope.errors import UserError
from microscope.lens.layout import Layout
from microscope.lens.methods.integrated import METHOD, STEPS
from microscope.lens.methods.pixels import PixelAnswer, token_values
from microscope.lens.subject import Subject
from tests.lens.looking import Scene, Sights, hits


@pytest.mark.parametrize("name", ["llava", "qwen2_5_vl", "idefics3"])
def test_it_is_what_captum_gives(name: str, sights: Sights) -> None:
    context = sights(name).context(6)
    *_, found = METHOD.maps(context, 1)
    answer = PixelAnswer(context, 1)
    pixels = IntegratedGradients(answer).attribute(
        answer.pixels, baselines=answer.blank, n_steps=6, method="riemann_middle"
    )
    assert torch.allclose(found.values, token_values(context, pixels[0].detach().abs()), rtol=1e-4, atol=1e-7)
    assert (found.done, found.total) == (6, 6)


def test_its_parts_add_up_to_what_the_picture_changed(sights: Sights, monkeypatch: pytest.MonkeyPatch) -> None:
    context, kept = sights("llava").context(48), list[torch.Tensor]()
    plain = IntegratedGradients.attribute

    def attribute(self: IntegratedGradients, *arguments: object, **options: object) -> torch.Tensor:
        kept.append(plain(self, *arguments, **options))
        return kept[-1]

    monkeypatch.setattr(IntegratedGradients, "attribute", attribute)
    list(METHOD.maps(context, None))
    changed = float(context.subject.plain.mean().exp() - context.prior.mean().exp())
    assert sum(float(part.sum()) for part in kept) == pytest.approx(changed, rel=0.02)


def test_steps_and_passes_are_counted_and_no_gradient_is_left(sights: Sights) -> None:
    context = sights("internvl").context()
    subject = context.subject
    wanted = [parameter.requires_grad for parameter in subject.model.parameters()]
    forwards = subject.forwards
    *_, found = METHOD.maps(context, None)
    assert (found.done, found.total) == (STEPS, STEPS)
    assert (subject.forwards - forwards, subject.backwards) == (STEPS, STEPS)
    assert all(parameter.grad is None for parameter in subject.model.parameters())
    assert [parameter.requires_grad for parameter in subject.model.parameters()] == wanted
    assert not found.values.requires_grad


def test_no_more_pictures_go_together_than_there_is_room_for(sights: Sights, monkeypatch: pytest.MonkeyPatch) -> None:
    context, sizes = sights("llava").context(6), list[int]()
    *_, expected = METHOD.maps(context, None)
    monkeypatch.setattr(Subject, "batch", 2)
    hook = context.subject.model.register_forward_pre_hook(
        lambda _module, _arguments, options: sizes.append(len(options["input_ids"])), with_kwargs=True
    )
    *_, found = METHOD.maps(context, None)
    hook.remove()
    assert max(sizes) == 2
    assert torch.allclose(found.values, expected.values, rtol=1e-4)


def test_a_cut_that_is_not_known_is_told_before_anything_is_computed(sights: Sights) -> None:
    sight = sights("llava")
    context = sight.context()
    context.layout = Layout(sight.layout.cells, (), sight.layout.seen, "measured")
    before = context.subject.forwards
    with pytest.raises(UserError, match="hidden neighbourhoods"):
        list(METHOD.maps(context, None))
    assert context.subject.forwards == before


def test_it_points_at_the_evidence(scenes: tuple[Scene, ...]) -> None:
    assert hits("integrated", scenes[:6]) >= 4
